//! What a configuration may say, and what is said to one that may not.

use super::{small, small_reference};
use nopropdt_blocks::{
    BlockConfig, DtConfig, EmbeddingConfig, EmbeddingStart, NoPropDt, ObjectiveKind, ScheduleKind,
};

fn refused(config: &DtConfig) -> String {
    NoPropDt::new(config).unwrap_err().to_string()
}

fn refused_block(block: BlockConfig) -> String {
    refused(&DtConfig { block, ..small() })
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
        refused(&DtConfig { embedding, ..small() }),
        "embedding-dim: must be from 1 to 65536; found 0"
    );
}

#[test]
fn there_must_be_two_classes() {
    for (classes, found) in [(0, "0"), (1, "1")] {
        assert_eq!(
            refused(&DtConfig { classes, ..small() }),
            format!("classes: must be from 2 to 65536; found {found}")
        );
    }
}

#[test]
fn dropout_must_be_a_probability_below_one() {
    for (dropout, found) in [(1.0, "1"), (-0.1, "-0.1"), (f32::NAN, "NaN")] {
        let message = format!("dropout: must be in 0..1; found {found}");
        assert_eq!(refused_block(BlockConfig { dropout, ..BlockConfig::paper() }), message);
    }
}

#[test]
fn no_width_may_be_zero() {
    let message = "block: width, or channels of the image: must be from 1 to 16384; found 0";
    let paper = BlockConfig::paper;
    for block in [
        BlockConfig { channels: [0, 64, 128], ..paper() },
        BlockConfig { channels: [32, 0, 128], ..paper() },
        BlockConfig { channels: [32, 64, 0], ..paper() },
        BlockConfig { hidden: 0, ..paper() },
        BlockConfig { join: [0, 128], ..paper() },
        BlockConfig { join: [256, 0], ..paper() },
    ] {
        assert_eq!(refused_block(block), message);
    }
    let image = [28, 28, 0];
    assert_eq!(refused(&DtConfig { image, ..small() }), message);
}

#[test]
fn the_image_must_survive_the_poolings() {
    let with = |height, width, block| {
        let image = [height, width, 1];
        NoPropDt::new(&DtConfig { image, block, ..small() }).map(|_| ()).map_err(|error| error.to_string())
    };
    let paper = "block: its 2 poolings want images of at least 4×4 pixels; found ";
    assert_eq!(with(3, 28, BlockConfig::paper()), Err(format!("{paper}3×28")));
    assert_eq!(with(28, 3, BlockConfig::paper()), Err(format!("{paper}28×3")));
    assert_eq!(with(4, 4, BlockConfig::paper()), Ok(()));
    let reference = "block: its 3 poolings want images of at least 8×8 pixels; found ";
    assert_eq!(with(7, 8, BlockConfig::reference()), Err(format!("{reference}7×8")));
    assert_eq!(with(0, 0, BlockConfig::reference()), Err(format!("{reference}0×0")));
    assert_eq!(with(8, 8, BlockConfig::reference()), Ok(()));
    let unpooled = BlockConfig { pool: [false; 3], ..BlockConfig::paper() };
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
    let paper = BlockConfig {
        channels: [32, 64, 128],
        pool: [true, false, true],
        global_average: false,
        dropout: 0.2,
        hidden: 256,
        join: [256, 128],
        decoder: false,
        continuous: false,
        residual: false,
        image_latent: false,
    };
    assert_eq!(BlockConfig::paper(), paper);
    let reference = BlockConfig { pool: [true; 3], global_average: true, join: [256, 256], ..paper };
    assert_eq!(BlockConfig::reference(), reference);
}

#[test]
fn configurations_survive_a_file() {
    for objective in [ObjectiveKind::Paper, ObjectiveKind::Reference] {
        for schedule in
            [ScheduleKind::Cosine, ScheduleKind::Linear, ScheduleKind::Sigmoid, ScheduleKind::Reference]
        {
            for embedding in [
                EmbeddingConfig::OneHot,
                EmbeddingConfig::Learned { dim: 20, start: EmbeddingStart::Orthogonal },
                EmbeddingConfig::Learned { dim: 20, start: EmbeddingStart::Small },
            ] {
                for block in [BlockConfig::paper(), BlockConfig::reference(), small_reference().block] {
                    let config = DtConfig { objective, schedule, embedding, block, ..small() };
                    let text = toml::to_string(&config).unwrap();
                    assert_eq!(toml::from_str::<DtConfig>(&text).unwrap(), config, "{text}");
                }
            }
        }
    }
}

#[test]
fn block_configurations_survive_a_file() {
    for config in [BlockConfig::paper(), BlockConfig::reference()] {
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<BlockConfig>(&text).unwrap(), config);
        let error = toml::from_str::<BlockConfig>(&format!("droput = 0.5\n{text}")).unwrap_err().to_string();
        assert!(error.contains("unknown field `droput`"), "{error}");
    }
}

#[test]
fn unknown_fields_are_refused_at_every_level() {
    let config = DtConfig { embedding: EmbeddingConfig::OneHot, ..small() };
    for (config, at) in [
        (&config, "classes = 4"),
        (&config, "hidden = 6"),
        (&config, "kind = \"one-hot\""),
        (&small(), "kind = \"learned\""),
    ] {
        let text = toml::to_string(config).unwrap();
        assert!(text.contains(at), "{text}");
        let error = toml::from_str::<DtConfig>(&text.replace(at, &format!("{at}\nsurplus = 1"))).unwrap_err();
        assert!(error.to_string().contains("unknown field `surplus`"), "after {at}: {error}");
    }
}

#[test]
fn names_in_files_are_those_of_the_command_line() {
    let text = toml::to_string(&small_reference()).unwrap();
    for line in ["schedule = \"reference\"", "objective = \"reference\"", "start = \"orthogonal\""] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
