//! nopropdt-data
