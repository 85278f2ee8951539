//! What a configuration may say, and what is said to one that may not.

use super::{small, small_block, small_reference, small_reference_block, with_block, with_network};
use nopropdt_blocks::{
    ConvBlock, DtConfig, EmbeddingConfig, EmbeddingStart, HeadConfig, NoPropDt, ObjectiveKind, Sampler,
    ScheduleKind,
};
use serde::{Deserialize, Serialize};

fn refused(config: &DtConfig) -> String {
    NoPropDt::new(config).unwrap_err().to_string()
}

fn refused_block(block: ConvBlock) -> String {
    refused(&with_block(small(), block))
}

/// What of a configuration is read from files and written to them, in a file of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    objective: ObjectiveKind,
    schedule: ScheduleKind,
    sampler: Sampler,
    embedding: EmbeddingConfig,
    head: HeadConfig,
    block: ConvBlock,
}

/// Those of [`small`].
fn small_settings() -> Settings {
    let DtConfig { network, schedule, objective, sampler, .. } = small();
    let (embedding, head) = (network.embedding, network.head);
    Settings { objective, schedule, sampler, embedding, head, block: small_block() }
}

#[test]
fn eta_must_be_above_zero_and_finite() {
    for (eta, found) in [(f64::NAN, "NaN"), (0.0, "0"), (-0.5, "-0.5"), (f64::INFINITY, "inf")] {
        let message = format!("eta: must be above 0 and finite; found {found}");
        assert_eq!(refused(&DtConfig { eta, ..small() }), message);
    }
}

#[test]
fn steps_must_be_at_least_one() {
    assert_eq!(refused(&DtConfig { steps: 0, ..small() }), "steps: must be from 1 to 10000; found 0");
}

#[test]
fn the_embedding_must_have_a_dimension() {
    let embedding = EmbeddingConfig::Learned { dim: 0, start: EmbeddingStart::Small };
    assert_eq!(
        refused(&with_network(small(), |network| network.embedding = embedding)),
        "embedding-dim: must be from 1 to 65536; found 0"
    );
}

#[test]
fn there_must_be_two_classes() {
    for (classes, found) in [(0, "0"), (1, "1")] {
        assert_eq!(
            refused(&with_network(small(), |network| network.classes = classes)),
            format!("classes: must be from 2 to 65536; found {found}")
        );
    }
}

#[test]
fn dropout_must_be_a_probability_below_one() {
    for (dropout, found) in [(1.0, "1"), (-0.1, "-0.1"), (f32::NAN, "NaN")] {
        let message = format!("dropout: must be in 0..1; found {found}");
        assert_eq!(refused_block(ConvBlock { dropout, ..ConvBlock::paper() }), message);
    }
}

#[test]
fn no_width_may_be_zero() {
    let message = "block: width, or channels of the image: must be from 1 to 16384; found 0";
    let paper = ConvBlock::paper;
    for block in [
        ConvBlock { channels: [0, 64, 128], ..paper() },
        ConvBlock { channels: [32, 0, 128], ..paper() },
        ConvBlock { channels: [32, 64, 0], ..paper() },
        ConvBlock { hidden: 0, ..paper() },
        ConvBlock { join: [0, 128], ..paper() },
        ConvBlock { join: [256, 0], ..paper() },
    ] {
        assert_eq!(refused_block(block), message);
    }
    assert_eq!(refused(&with_network(small(), |network| network.input = vec![28, 28, 0])), message);
}

#[test]
fn the_inputs_of_a_convolutional_block_must_be_images() {
    for (input, found) in
        [(&[64][..], "[64]"), (&[], "[]"), (&[8, 8], "[8, 8]"), (&[8, 8, 1, 1], "[8, 8, 1, 1]")]
    {
        let config = with_network(small(), |network| network.input = input.to_vec());
        let message = format!("block: wants images [height, width, channels]; inputs are {found}");
        assert_eq!(refused(&config), message);
    }
}

#[test]
fn the_image_must_survive_the_poolings() {
    let with = |height, width, block| {
        let config =
            with_network(with_block(small(), block), |network| network.input = vec![height, width, 1]);
        NoPropDt::new(&config).map(|_| ()).map_err(|error| error.to_string())
    };
    let paper = "block: its 2 poolings want images of at least 4×4 pixels; found ";
    assert_eq!(with(3, 28, ConvBlock::paper()), Err(format!("{paper}3×28")));
    assert_eq!(with(28, 3, ConvBlock::paper()), Err(format!("{paper}28×3")));
    assert_eq!(with(4, 4, ConvBlock::paper()), Ok(()));
    let reference = "block: its 3 poolings want images of at least 8×8 pixels; found ";
    assert_eq!(with(7, 8, ConvBlock::reference()), Err(format!("{reference}7×8")));
    assert_eq!(with(0, 0, ConvBlock::reference()), Err(format!("{reference}0×0")));
    assert_eq!(with(8, 8, ConvBlock::reference()), Ok(()));
    let unpooled = ConvBlock { pool: [false; 3], ..ConvBlock::paper() };
    let least = "block: its 0 poolings want images of at least 1×1 pixels; found ";
    assert_eq!(with(0, 1, unpooled.clone()), Err(format!("{least}0×1")));
    assert_eq!(with(1, 1, unpooled), Ok(()));
}

#[test]
fn the_papers_objective_refuses_the_falling_schedule() {
    assert_eq!(
        refused(&DtConfig { schedule: ScheduleKind::Reference, ..small() }),
        "schedule reference: falls with t, so the paper's sampler has no real coefficients; it goes with the reference objective alone"
    );
    assert!(NoPropDt::new(&small_reference()).is_ok());
    let rising = DtConfig { schedule: ScheduleKind::Cosine, ..small_reference() };
    assert!(NoPropDt::new(&rising).is_ok());
}

#[test]
fn the_published_blocks_are_those_of_the_publications() {
    let paper = ConvBlock {
        channels: [32, 64, 128],
        pool: [true, false, true],
        global_average: false,
        dropout: 0.2,
        hidden: 256,
        join: [256, 128],
        decoder: false,
        residual: false,
    };
    assert_eq!(ConvBlock::paper(), paper);
    let reference = ConvBlock { pool: [true; 3], global_average: true, join: [256, 256], ..paper };
    assert_eq!(ConvBlock::reference(), reference);
}

#[test]
fn settings_survive_a_file() {
    for objective in [ObjectiveKind::Paper, ObjectiveKind::Reference] {
        for schedule in
            [ScheduleKind::Cosine, ScheduleKind::Linear, ScheduleKind::Sigmoid, ScheduleKind::Reference]
        {
            for embedding in [
                EmbeddingConfig::OneHot,
                EmbeddingConfig::Learned { dim: 20, start: EmbeddingStart::Orthogonal },
                EmbeddingConfig::Learned { dim: 20, start: EmbeddingStart::Small },
            ] {
                for block in [ConvBlock::paper(), ConvBlock::reference(), small_reference_block()] {
                    let settings = Settings { objective, schedule, embedding, block, ..small_settings() };
                    let text = toml::to_string(&settings).unwrap();
                    assert_eq!(toml::from_str::<Settings>(&text).unwrap(), settings, "{text}");
                }
            }
        }
    }
}

#[test]
fn block_configurations_survive_a_file() {
    for config in [ConvBlock::paper(), ConvBlock::reference()] {
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<ConvBlock>(&text).unwrap(), config);
        let error = toml::from_str::<ConvBlock>(&format!("droput = 0.5\n{text}")).unwrap_err().to_string();
        assert!(error.contains("unknown field `droput`"), "{error}");
    }
}

#[test]
fn unknown_fields_are_refused_at_every_level() {
    let fixed = Settings { embedding: EmbeddingConfig::OneHot, ..small_settings() };
    for (settings, at) in [
        (&fixed, "hidden = 6"),
        (&fixed, "kind = \"one-hot\""),
        (&small_settings(), "kind = \"learned\""),
        (&fixed, "kind = \"softmax\""),
    ] {
        let text = toml::to_string(settings).unwrap();
        assert!(text.contains(at), "{text}");
        let error = toml::from_str::<Settings>(&text.replace(at, &format!("{at}\nsurplus = 1"))).unwrap_err();
        assert!(error.to_string().contains("unknown field `surplus`"), "after {at}: {error}");
    }
}

#[test]
fn names_in_files_are_those_of_the_command_line() {
    let DtConfig { schedule, objective, .. } = small_reference();
    let block = small_reference_block();
    let text = toml::to_string(&Settings { schedule, objective, block, ..small_settings() }).unwrap();
    for line in [
        "schedule = \"reference\"",
        "objective = \"reference\"",
        "start = \"orthogonal\"",
        "global-average = true",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
