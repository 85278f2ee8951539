//! nopropdt-tensor
