mod blind;
mod golden;
mod inspect;
mod labels;
mod marginals;
mod reference;
