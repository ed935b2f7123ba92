//! Reports: a study's table, its figures on one page, its stages as a drawing, its kinds as text.
//!
//! Knows plans and artifacts; is handed what the cache holds and the list of kinds. Returns text and
//! data, writes no file.

mod chart;
mod comparison;
mod drawing;
mod figures;
mod gallery;
mod generated;
mod grid;
pub mod kinds;
mod layout;
mod lines;
mod notes;
mod overview;
mod page;
mod params;
mod pooled;
mod provenance;
mod results;
mod rivals;
mod rounds;
#[cfg(test)]
#[expect(unreachable_pub, reason = "the ports of a kind are public")]
#[expect(dead_code, reason = "toys are planned and documented, never run")]
mod sample;
mod schema;
mod shared;
mod study;
mod table;
mod text;

pub use comparison::Comparison;
pub use comparison::Detectable;
pub use comparison::SeedTest;
pub use drawing::Drawing;
pub use drawing::Flow;
pub use drawing::StageBox;
pub use generated::Generated;
pub use kinds::KindGuide;
pub use layout::Layout;
pub use layout::LayoutError;
pub use lines::Part;
pub use page::Imprint;
pub use page::page;
pub use params::Param;
pub use rivals::Rival;
pub use rivals::Rivals;
pub use rivals::Without;
pub use schema::manifest_schema;
pub use shared::SharedGan;
pub use study::Cell;
pub use study::Copies;
pub use study::Finder;
pub use study::Found;
pub use study::Gallery;
pub use study::GalleryRow;
pub use study::Study;
pub use study::TrainedGan;
pub use study::TrainingPart;
pub use table::Baseline;
pub use table::Run;
pub use table::StudyTable;
pub use table::TableCell;
pub use table::TableRow;

pub use crate::measure::Measure;
