//! Manifests: from YAML text to a document in which every value knows where it was written.
//!
//! Knows the language (files, merging, references) but no kind of stage: what params mean is the
//! plan's business.

mod document;
mod fields;
mod include;
mod layout;
mod merge;
mod node;
mod overrides;
mod parse;
mod problem;
mod reference;
mod report;
mod span;
mod suggest;

pub use document::AxisSpec;
pub use document::AxisSpecValue;
pub use document::Document;
pub use document::StageSpec;
pub use document::TableSpec;
pub use include::FileRead;
pub use include::Manifest;
pub use include::is_unchanged;
pub use include::load;
pub use include::text_of;
pub use layout::canonical;
pub use node::Content;
pub use node::Entry;
pub use node::Node;
pub use problem::Problem;
pub use problem::Problems;
pub use reference::Feed;
pub use reference::InputSpec;
pub use reference::Reference;
pub use report::Diagnosis;
pub use report::Report;
pub use span::FileId;
pub use span::Located;
pub use span::Sources;
pub use span::Span;
pub use suggest::did_you_mean;
pub use suggest::quoted;
