//! Unpacking archives that may be hostile: no path leaves the folder, nothing but plain files and folders, and bounds on
//! what comes out, whatever the archive says of itself.

mod durable;
mod path;
mod sink;
mod tar_gz;
mod unpack;
mod zipped;

pub(crate) use unpack::unpack_opened;

pub use sink::ArchiveLimits;
pub use unpack::{ArchiveKind, unpack};

#[cfg(test)]
mod tests;
