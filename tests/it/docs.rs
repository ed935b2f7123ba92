//! The documentation as files: forms, links, and what must be explained.
