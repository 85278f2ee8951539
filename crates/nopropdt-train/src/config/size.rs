//! How large a network may be, and what would make one small enough, with the numbers it would bring.

use super::component::Component;
use super::kinds::EmbeddingKind;
use super::run_config::RunConfig;
use super::sections::EmbeddingSettings;
use super::smaller::{MOST_PARAMETERS, Smaller};
use nopropdt_data::DatasetSource;

/// Sides that a folder's pictures are often brought to.
const SIDES: [usize; 8] = [192, 160, 128, 96, 64, 48, 32, 16];

impl RunConfig {
    /// Changes of one setting each that bring the network below the bound: only those that this run has, and that are enough.
    pub(super) fn smaller(&self, input: &[usize], classes: usize) -> Vec<Smaller> {
        let parameters = |config: &Self, input: &[usize]| {
            let network = config.boxed(input, classes).ok()?;
            Some(network.facts().parameters).filter(|&parameters| parameters <= MOST_PARAMETERS)
        };
        let way = |setting, value: &dyn ToString, parameters| Smaller {
            setting,
            value: value.to_string(),
            parameters,
        };
        let mut ways = Vec::new();
        if let (DatasetSource::Folder(_), &[height, width, channels]) = (&self.data.dataset, input) {
            let smaller = SIDES.iter().filter(|&&side| side < height.max(width));
            let fitting = smaller.filter_map(|&side| {
                parameters(self, &[side, side, channels]).map(|found| way("image-size", &side, found))
            });
            ways.extend(fitting.take(1));
        }
        if let Some(steps) = self.blocks(input, classes) {
            let most = self.most(steps, |steps| {
                parameters(&self.clone().with_method_setting("steps", steps).ok()?, input)
            });
            ways.extend(most.map(|(steps, found)| way("steps", &steps, found)));
        }
        let with_embedding = |change: &dyn Fn(&mut EmbeddingSettings)| {
            let mut config = self.clone();
            change(&mut config.embedding);
            parameters(&config, input)
        };
        if self.embedding.kind == EmbeddingKind::Learned {
            let most = self.most(self.embedding.dim, |dim| with_embedding(&|embedding| embedding.dim = dim));
            ways.extend(most.map(|(dim, found)| way("embedding-dim", &dim, found)));
        }
        if self.embedding.kind == EmbeddingKind::Prototype {
            let one_hot = with_embedding(&|embedding| embedding.kind = EmbeddingKind::OneHot);
            ways.extend(one_hot.map(|found| way("embedding", &"one-hot", found)));
        }
        let other = self.registry.block_names().filter(|name| *name != self.block.name).find_map(|name| {
            let settings = self.registry.block_entry(name).ok()?.defaults().clone();
            let block = Component { name: name.into(), settings, ..self.block.clone() };
            parameters(&Self { block, ..self.clone() }, input).map(|found| way("block", &name, found))
        });
        ways.extend(other);
        ways
    }

    /// Number of blocks, of a method whose steps have a block each.
    fn blocks(&self, input: &[usize], classes: usize) -> Option<usize> {
        let network = self.boxed(input, classes).ok()?;
        let facts = network.facts();
        (!facts.one_network).then_some(facts.steps)
    }

    /// The largest value below `above` that fits, rounded down to two digits, with what it brings. What it brings must rise with it.
    fn most(&self, above: usize, fits: impl Fn(usize) -> Option<usize>) -> Option<(usize, usize)> {
        let (mut least, mut beyond) = (0, above);
        while beyond - least > 1 {
            let middle = least + (beyond - least) / 2;
            if fits(middle).is_some() { least = middle } else { beyond = middle }
        }
        let digits = 10_usize.pow(least.checked_ilog10()?.saturating_sub(1));
        let value = least / digits * digits;
        fits(value).map(|found| (value, found))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{EmbeddingKind, Overrides};

    fn refusal(overrides: Overrides, side: usize) -> String {
        overrides.resolve(None).unwrap().network(&[side, side, 3], 2).unwrap_err().to_string()
    }

    fn folder() -> Overrides {
        Overrides::default().with("dataset", "folder:flowers").with("block", "paper")
    }

    #[test]
    fn large_pictures_are_told_to_shrink() {
        assert_eq!(
            refusal(folder(), 224),
            "network: must have at most 536870912 parameters; found 1031536026; image-size 160 brings 528219546, \
             steps 5 brings 515768016, block reference brings 4593306"
        );
    }

    /// No picture of a known dataset can be brought to another size, and no setting is named that isn't used.
    #[test]
    fn only_what_the_run_has_is_named() {
        let wide = Overrides::default()
            .with("steps", 999)
            .with("schedule", "linear")
            .with("embedding", EmbeddingKind::Learned)
            .with("embedding-dim", 65_536);
        let message = refusal(wide, 28);
        // A shorter embedding alone would not be enough for 999 blocks.
        assert!(!message.contains("image-size") && !message.contains("embedding-dim"), "{message}");
        let number = |after: &str| -> usize {
            message.split(after).nth(1).unwrap().split([' ', ',']).next().unwrap().parse().unwrap()
        };
        // What it says is so, and a little more would be too much.
        let (steps, brings) = (number("steps "), number(&format!("steps {} brings ", number("steps "))));
        assert!(brings <= 1 << 29 && brings / steps * (steps + 10) > 1 << 29, "{message}");
    }
}
