//! Runs that lie in folders, finished or not: found, read, sorted and compared.
//!
//! ```no_run
//! use nopropdt_train::registry::Registry;
//! use nopropdt_train::runs::{Collection, Order, differing_settings};
//! use std::path::Path;
//!
//! let mut found = Collection::read(Path::new("runs"), &Registry::builtin())?;
//! Order::new("accuracy").sort(&mut found.runs);
//! for setting in differing_settings(&found.runs) {
//!     let values: Vec<_> = found.runs.iter().map(|run| run.settings.get(&setting.key)).collect();
//!     println!("{}: {values:?}", setting.name);
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

mod collection;
mod differences;
mod filter;
mod keys;
mod listed;
mod order;
mod record;

pub use collection::{Collection, find, named};
#[cfg(feature = "report")]
pub(crate) use differences::differing_tables;
pub use differences::{Difference, differing_settings};
pub use filter::{Filter, FilterError};
pub use keys::{COLUMNS, UnknownKey, check_key};
pub use listed::ListedRun;
pub use order::Order;
pub use record::{RecordError, RunRecord, model_file};
