mod blind;
mod golden;
mod marginals;
mod reference;
