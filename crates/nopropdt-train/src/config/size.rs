//! How large a network may be, and what would make one small enough, with the numbers it would bring.

use super::kinds::{BlockKind, EmbeddingKind};
use super::run_config::RunConfig;
use super::smaller::Smaller;
use nopropdt_data::DatasetSource;
use nopropdt_data::ImageShape;

/// Trainable values of a whole network; each takes 12 bytes with the optimiser's memory.
pub(super) const MOST_PARAMETERS: usize = 1 << 29;
/// Sides that a folder's pictures are often brought to.
const SIDES: [usize; 8] = [192, 160, 128, 96, 64, 48, 32, 16];

impl RunConfig {
    /// Changes of one setting each that bring the network below the bound: only those that this run has, and that are enough.
    pub(super) fn smaller(&self, image: ImageShape, classes: usize) -> Vec<Smaller> {
        let parameters = |config: &Self, image: ImageShape| {
            let network = config.boxed(image, classes).ok()?;
            Some(network.facts().parameters).filter(|&parameters| parameters <= MOST_PARAMETERS)
        };
        let way = |setting, value: &dyn ToString, parameters| Smaller {
            setting,
            value: value.to_string(),
            parameters,
        };
        let mut ways = Vec::new();
        if matches!(self.dataset, DatasetSource::Folder(_)) {
            let smaller = SIDES.iter().filter(|&&side| side < image.height.max(image.width));
            let fitting = smaller.filter_map(|&side| {
                let image = ImageShape { height: side, width: side, ..image };
                parameters(self, image).map(|found| way("image-size", &side, found))
            });
            ways.extend(fitting.take(1));
        }
        if self.method.has_blocks() {
            let most = self.most(self.steps, |steps| parameters(&Self { steps, ..self.clone() }, image));
            ways.extend(most.map(|(steps, found)| way("steps", &steps, found)));
        }
        if self.embedding == EmbeddingKind::Learned {
            let most = self.most(self.embedding_dim, |embedding_dim| {
                parameters(&Self { embedding_dim, ..self.clone() }, image)
            });
            ways.extend(most.map(|(dim, found)| way("embedding-dim", &dim, found)));
        }
        if self.embedding == EmbeddingKind::Prototype {
            let one_hot = Self { embedding: EmbeddingKind::OneHot, ..self.clone() };
            ways.extend(parameters(&one_hot, image).map(|found| way("embedding", &"one-hot", found)));
        }
        if self.block != BlockKind::Reference {
            let pooled = Self { block: BlockKind::Reference, ..self.clone() };
            ways.extend(parameters(&pooled, image).map(|found| way("block", &"reference", found)));
        }
        ways
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
    use nopropdt_blocks::ScheduleKind;
    use nopropdt_data::ImageShape;

    fn refusal(overrides: Overrides, side: usize) -> String {
        let image = ImageShape { height: side, width: side, channels: 3 };
        overrides.resolve(None).unwrap().network(image, 2).unwrap_err().to_string()
    }

    fn folder() -> Overrides {
        Overrides { dataset: Some("folder:flowers".parse().unwrap()), ..Overrides::default() }
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
        let wide = Overrides {
            steps: Some(999),
            schedule: Some(ScheduleKind::Linear),
            embedding: Some(EmbeddingKind::Learned),
            embedding_dim: Some(65_536),
            ..Overrides::default()
        };
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
