//! nopropdt-train
