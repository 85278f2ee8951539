//! Flags of the built-in methods and blocks. Each method and block says by its settings which of them it has.

use crate::config::setting::{Kind, Setting, one_of};
use crate::config::whole;
use nopropdt_blocks::Sampler;

fn setting(
    section: &'static str,
    (flag, key): (&'static str, &str),
    value_name: &'static str,
    kind: Kind,
    help: &'static [&'static str],
) -> Setting {
    Setting { flag, alias: None, section, key: key.to_owned(), value_name, heading: "Method", help, kind }
}

/// Flags of methods.
pub(crate) fn method_settings() -> Vec<Setting> {
    let method = |flag, value_name, kind, help| setting("method", (flag, flag), value_name, kind, help);
    vec![
        setting(
            "method",
            ("method", "name"),
            "NAME",
            Kind::Name(|registry, text| registry.check_method(text), |registry| registry.named("method")),
            &[
                "Method: dt, ct, fm; a baseline: backprop (through the same blocks), adjoint (a neural ODE); or a control: committee (the blocks of dt as plain classifiers, averaged) [default: dt]",
            ],
        ),
        Setting {
            alias: Some("blocks"),
            ..method(
                "steps",
                "T",
                Kind::Whole(whole::STEPS),
                &[
                    "T: blocks of dt, backprop and committee, steps of the one network of ct, fm and adjoint [default: 10; 1000 for ct and fm; 100 for adjoint]",
                ],
            )
        },
        method(
            "schedule",
            "NAME",
            Kind::Name(|registry, text| registry.check_schedule(text), |registry| registry.named("schedule")),
            &[
                "Noise schedule: cosine, linear, sigmoid, equal-mass, late (noise nearly to the end), reference (falling; needs --objective reference), or learned (ct) [default: cosine; learned for ct]",
            ],
        ),
        method(
            "eta",
            "ETA",
            Kind::Number,
            &["Weight of the squared error (dt, ct) [default: 0.1; 1 for ct]"],
        ),
        method(
            "sampler",
            "NAME",
            one_of::<Sampler>(),
            &[
                "From noise to answer: stochastic (fresh noise at every step), or euler or heun (noise at the start only) [default: stochastic; euler for fm and adjoint]",
            ],
        ),
        method(
            "flow-sigma",
            "SIGMA",
            Kind::Number,
            &["Deviation of the noise around the path that fm learns [default: 0]"],
        ),
        method(
            "objective",
            "NAME",
            Kind::Name(
                |registry, text| registry.check_objective(text),
                |registry| registry.named("objective"),
            ),
            &[
                "Loss and chain: paper, reference (the reference repository's), labels (a cross-entropy for each block), or a control: zeroed-z (blocks get no z), shuffled-z (blocks learn from the z of other inputs) [default: paper]",
            ],
        ),
    ]
}

/// Flags of blocks.
pub(crate) fn block_settings() -> Vec<Setting> {
    vec![
        setting(
            "block",
            ("block", "name"),
            "NAME",
            Kind::Name(|registry, text| registry.check_block(text), |registry| registry.named("block")),
            &[
                "Block: paper, reference, residual (the paper's with residual convolutions), patches (image patches and attention), or deep (stages of convolutions, for accuracy) [default: paper]",
            ],
        ),
        setting(
            "block",
            ("decoder", "decoder"),
            "BOOL",
            Kind::Switch,
            &[
                "Pass each estimate through a linear layer and tanh, as the reference repository does [default: false]",
            ],
        ),
        setting(
            "block",
            ("dropout", "dropout"),
            "P",
            Kind::Number,
            &["Dropout probability in the image path [default: 0.2]"],
        ),
    ]
}
