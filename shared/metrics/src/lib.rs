#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod dimensions;
mod emf;
mod metric;
mod recorder;
mod values;

pub use dimensions::Dimensions;
pub use metric::{Metric, Unit};
pub use recorder::{Recorder, whole_ms};
