mod blind;
mod golden;
mod inspect;
mod marginals;
mod reference;
