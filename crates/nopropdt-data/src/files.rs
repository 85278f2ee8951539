//! Files as people have them, under names and with contents that are often not the right ones: what readers and whoever brings
//! files for them both need.

pub use crate::content::{GZIP, kind_of_file, message};
pub use crate::gunzip::{Gunzip, MAGIC, is_corruption};
pub use crate::near_name::{find, holds};
pub use crate::noise::is_noise;
pub use crate::plain_file::open;
