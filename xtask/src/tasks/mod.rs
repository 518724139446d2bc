//! One file per task.

pub(crate) mod bench;
pub(crate) mod ci;
pub(crate) mod demo;
pub(crate) mod dist;
pub(crate) mod docs;
pub(crate) mod fuzz;
pub(crate) mod gates;
pub(crate) mod host;
#[cfg(target_os = "linux")]
pub(crate) mod lab;
pub(crate) mod soak;
pub(crate) mod test;
pub(crate) mod tidy;
pub(crate) mod trust;
pub(crate) mod vectors;
