mod golden;
mod marginals;
