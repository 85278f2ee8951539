mod golden;
mod marginals;
mod reference;
