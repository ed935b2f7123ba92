//! Photographs of the retina, drawn: what a study can run on without any file.
//!
//! Each photograph depends only on a seed, its number and the settings. Places and lengths are in
//! radii of the field, so an eye is the same eye at every size. Knows no image set and no file.

mod canvas;
mod eye;
mod lesions;
mod photograph;
mod vessels;

pub use eye::GRADES;
pub use photograph::Photograph;
pub use photograph::Settings;
pub use photograph::photograph;
