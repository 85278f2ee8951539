//! nopropdt-blocks
