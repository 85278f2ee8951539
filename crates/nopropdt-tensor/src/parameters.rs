//! What one block learns: trainable values in one flat buffer, and the statistics it keeps beside them.
//!
//! A flat buffer makes the optimiser one pass over memory, and slices' gradients one addition. Names and layouts
//! live beside it, so that files can speak PyTorch's layout while kernels keep their own.

use crate::init::Initializer;
use crate::random::Stream;
use nopropdt_kernels::sizes::product;
use std::ops::Range;

/// How a stored tensor relates to the PyTorch tensor of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The same order of values.
    Same,
    /// A 3×3 convolution: stored [kh, kw, in, out], saved [out, in, kh, kw].
    Convolution,
    /// A linear layer [out, in] after a flatten: its input is stored (row, column, channel), saved (channel, row, column).
    Flattened {
        /// Rows and columns of the flattened image.
        pixels: usize,
        /// Channels of the flattened image.
        channels: usize,
    },
}

/// One named tensor in a flat buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Dotted path inside the block, as in the model file: `image.conv1.weight`.
    pub name: String,
    /// Shape as *saved* (PyTorch's).
    pub shape: Vec<usize>,
    /// Relation between stored and saved order.
    pub layout: Layout,
    range: Range<usize>,
}

impl Entry {
    /// Calls `pair` with the place of each value in its tensor as it is stored, and as it is saved. The loops follow the layout: a division for
    /// each value took most of the time that reading a model takes.
    fn pairs(&self, mut pair: impl FnMut(usize, usize)) {
        match self.layout {
            Layout::Same => (0..self.range.len()).for_each(|place| pair(place, place)),
            Layout::Convolution => {
                let [outputs, inputs, kh, kw] = *self.shape else { unreachable!("checked when added") };
                let taps = kh * kw;
                for o in 0..outputs {
                    for i in 0..inputs {
                        let saved = (o * inputs + i) * taps;
                        (0..taps).for_each(|tap| pair((tap * inputs + i) * outputs + o, saved + tap));
                    }
                }
            }
            Layout::Flattened { pixels, channels } => {
                let row = (pixels * channels).max(1);
                for o in 0..self.range.len() / row {
                    for c in 0..channels {
                        let (stored, saved) = (o * row + c, o * row + c * pixels);
                        (0..pixels).for_each(|pixel| pair(stored + pixel * channels, saved + pixel));
                    }
                }
            }
        }
    }
}

/// Handle of a trainable tensor within its [`Parameters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterId(usize);

impl ParameterId {
    /// Position among the trainable tensors of its set.
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

/// Handle of a kept statistic (a batch norm's running mean or variance) within its [`Parameters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatisticId(usize);

#[derive(Debug, Clone, Default, PartialEq)]
struct Store {
    entries: Vec<Entry>,
    values: Vec<f32>,
    /// Names and shapes alone: no value is ever stored.
    without_values: bool,
}

impl Store {
    fn add(&mut self, name: String, shape: &[usize], layout: Layout) -> Range<usize> {
        assert!(self.entries.iter().all(|entry| entry.name != name), "parameters: name {name} is taken");
        let length = product("parameters", shape);
        let (rank_fits, wanted) = match layout {
            Layout::Same => (true, length),
            Layout::Convolution => (shape.len() == 4, length),
            Layout::Flattened { pixels, channels } => {
                (shape.len() == 2, product("parameters", &[shape[0], pixels, channels]))
            }
        };
        assert!(
            rank_fits && wanted == length,
            "parameters: {name}: layout {layout:?} does not fit {shape:?}"
        );
        let start = self.len();
        let range = start..start.saturating_add(length);
        if !self.without_values {
            self.values.resize(range.end, 0.0);
        }
        self.entries.push(Entry { name, shape: shape.to_vec(), layout, range: range.clone() });
        range
    }

    /// Number of values, stored or not.
    fn len(&self) -> usize {
        self.entries.last().map_or(0, |entry| entry.range.end)
    }

    fn slice(&self, index: usize) -> &[f32] {
        &self.values[self.entries[index].range.clone()]
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}

/// The trainable tensors and kept statistics of one independently trained part of a network.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    trainable: Store,
    statistics: Store,
}

impl Parameters {
    /// All trainable values, flat, in stored order.
    pub fn values(&self) -> &[f32] {
        &self.trainable.values
    }

    /// All trainable values, flat, for the optimiser to write.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.trainable.values
    }

    /// All kept statistics, flat.
    pub fn statistics(&self) -> &[f32] {
        &self.statistics.values
    }

    /// All kept statistics, flat, for restoring a checkpoint.
    pub fn statistics_mut(&mut self) -> &mut [f32] {
        &mut self.statistics.values
    }

    /// Number of trainable values.
    pub fn len(&self) -> usize {
        self.trainable.values.len()
    }

    /// Whether nothing is trainable.
    pub fn is_empty(&self) -> bool {
        self.trainable.values.is_empty()
    }

    /// Where each trainable tensor lies in the flat buffer, in its order, without gaps.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.trainable.entries.iter().map(|entry| entry.range.clone())
    }

    /// One trainable tensor, in stored order.
    pub fn get(&self, id: ParameterId) -> &[f32] {
        self.trainable.slice(id.0)
    }

    /// One trainable tensor, in stored order, for writing.
    pub fn get_mut(&mut self, id: ParameterId) -> &mut [f32] {
        let range = self.range(id);
        &mut self.trainable.values[range]
    }

    /// Where one trainable tensor lies in the flat buffer (and in a gradient of the same length).
    pub fn range(&self, id: ParameterId) -> Range<usize> {
        self.trainable.entries[id.0].range.clone()
    }

    /// One kept statistic.
    pub fn statistic(&self, id: StatisticId) -> &[f32] {
        self.statistics.slice(id.0)
    }

    /// One kept statistic, for writing.
    pub fn statistic_mut(&mut self, id: StatisticId) -> &mut [f32] {
        let range = self.statistics.entries[id.0].range.clone();
        &mut self.statistics.values[range]
    }

    /// Name, saved shape and layout of one trainable tensor.
    pub fn entry(&self, id: ParameterId) -> &Entry {
        &self.trainable.entries[id.0]
    }

    /// Name and shape of one kept statistic.
    pub fn statistic_entry(&self, id: StatisticId) -> &Entry {
        &self.statistics.entries[id.0]
    }

    /// Every tensor's name, saved shape and layout: trainable ones first, then statistics.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.trainable.entries.iter().chain(&self.statistics.entries)
    }

    /// The flat index range of the trainable tensor called `name`.
    pub fn range_of(&self, name: &str) -> Option<Range<usize>> {
        self.trainable.find(name).map(|entry| entry.range.clone())
    }

    /// The tensor called `name` (trainable or statistic) in PyTorch's layout.
    pub fn export(&self, name: &str) -> Option<Vec<f32>> {
        let store =
            [&self.trainable, &self.statistics].into_iter().find(|store| store.find(name).is_some())?;
        let entry = store.find(name)?;
        Some(export_entry(entry, &store.values))
    }

    /// The part of a flat gradient that belongs to the trainable tensor `name`, in PyTorch's layout.
    ///
    /// # Panics
    /// When `gradient` has another length than [`Parameters::values`].
    pub fn export_gradient(&self, name: &str, gradient: &[f32]) -> Option<Vec<f32>> {
        assert_eq!(gradient.len(), self.len(), "export_gradient: gradient and parameters differ in length");
        self.trainable.find(name).map(|entry| export_entry(entry, gradient))
    }

    /// Overwrites the tensor called `name` with `saved`, given in PyTorch's layout; false when no tensor has that
    /// name or its length differs, and then nothing is written.
    #[must_use]
    pub fn import(&mut self, name: &str, saved: &[f32]) -> bool {
        for store in [&mut self.trainable, &mut self.statistics] {
            let Some(entry) = store.entries.iter().find(|entry| entry.name == name) else { continue };
            if entry.range.len() != saved.len() {
                return false;
            }
            let values = &mut store.values[entry.range.clone()];
            match entry.layout {
                Layout::Same => values.copy_from_slice(saved),
                _ => entry.pairs(|place, position| values[place] = saved[position]),
            }
            return true;
        }
        false
    }
}

fn export_entry(entry: &Entry, values: &[f32]) -> Vec<f32> {
    let stored = &values[entry.range.clone()];
    let mut saved = stored.to_vec();
    if entry.layout != Layout::Same {
        entry.pairs(|place, position| saved[position] = stored[place]);
    }
    saved
}

/// Collects a block's tensors while its layers are made, under dotted path prefixes.
#[derive(Debug)]
pub struct ParameterBuilder {
    parameters: Parameters,
    prefix: String,
    stream: Stream,
    zeros: bool,
}

impl ParameterBuilder {
    /// A builder whose initial values are a pure function of `stream` and each tensor's name.
    pub fn new(stream: Stream) -> Self {
        Self { parameters: Parameters::default(), prefix: String::new(), stream, zeros: false }
    }

    /// A builder that stores no values: it only learns which tensors there are, of networks that memory may not hold.
    pub fn without_values() -> Self {
        let store = || Store { without_values: true, ..Store::default() };
        let parameters = Parameters { trainable: store(), statistics: store() };
        Self { parameters, ..Self::new(Stream::new(0)) }
    }

    /// A builder whose values are all zero: of a network of which only the shapes matter.
    pub fn of_zeros() -> Self {
        Self { zeros: true, ..Self::new(Stream::new(0)) }
    }

    /// The same builder with room for so many trainable values, so that none is moved while more are added. Where memory is refused, room is
    /// taken as it is needed.
    #[must_use]
    pub fn with_room(mut self, values: usize) -> Self {
        self.parameters.trainable.values.try_reserve_exact(values).ok();
        self
    }

    /// Number of trainable values added so far.
    pub fn trainable(&self) -> usize {
        self.parameters.trainable.len()
    }

    /// Name, saved shape and layout of every tensor added, trainable ones first.
    pub fn into_entries(self) -> Vec<Entry> {
        let Parameters { trainable, statistics } = self.parameters;
        trainable.entries.into_iter().chain(statistics.entries).collect()
    }

    /// Runs `build` with `name.` before every tensor name it adds.
    pub fn scope<T>(&mut self, name: &str, build: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.prefix.len();
        self.prefix.push_str(name);
        self.prefix.push('.');
        let built = build(self);
        self.prefix.truncate(outer);
        built
    }

    /// Adds a trainable tensor of saved (PyTorch) shape `shape`, initialised with the given fan-in.
    ///
    /// # Panics
    /// When the name is taken or the layout does not fit the shape.
    pub fn parameter(
        &mut self,
        name: &str,
        shape: &[usize],
        layout: Layout,
        initializer: Initializer,
        fan_in: usize,
    ) -> ParameterId {
        let path = format!("{}{name}", self.prefix);
        let stream = self.stream.purpose(&path);
        let range = self.parameters.trainable.add(path, shape, layout);
        if !self.parameters.trainable.without_values && !self.zeros {
            initializer.fill(shape, fan_in, stream, &mut self.parameters.trainable.values[range]);
        }
        ParameterId(self.parameters.trainable.entries.len() - 1)
    }

    /// Adds a kept statistic, every value of it `value`.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn statistic(&mut self, name: &str, length: usize, value: f32) -> StatisticId {
        let path = format!("{}{name}", self.prefix);
        let range = self.parameters.statistics.add(path, &[length], Layout::Same);
        if !self.parameters.statistics.without_values {
            self.parameters.statistics.values[range].fill(value);
        }
        StatisticId(self.parameters.statistics.entries.len() - 1)
    }

    /// The finished set.
    ///
    /// # Panics
    /// When this is a builder without values.
    pub fn build(self) -> Parameters {
        assert!(
            !self.parameters.trainable.without_values,
            "parameters: a builder without values builds no set"
        );
        self.parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Parameters {
        let mut builder = ParameterBuilder::new(Stream::new(1));
        builder.scope("image", |builder| {
            builder.parameter("conv.weight", &[2, 3, 3, 3], Layout::Convolution, Initializer::Ones, 27);
            let flattened = Layout::Flattened { pixels: 4, channels: 3 };
            builder.parameter("fc.weight", &[2, 12], flattened, Initializer::Zeros, 12);
            builder.statistic("bn.running_var", 5, 1.0);
        });
        builder.build()
    }

    #[test]
    fn import_then_export_returns_the_same_values() {
        let mut parameters = set();
        for name in ["image.conv.weight", "image.fc.weight", "image.bn.running_var"] {
            let length = parameters.export(name).unwrap().len();
            let saved: Vec<f32> = (0..length).map(|i| i as f32).collect();
            assert!(parameters.import(name, &saved), "{name}");
            assert_eq!(parameters.export(name).unwrap(), saved, "{name}");
        }
    }

    #[test]
    fn convolution_is_stored_taps_first_and_output_channels_last() {
        let mut parameters = set();
        let mut saved = vec![0.0; 54];
        saved[27 + 9 + 3 + 2] = 1.0; // out 1, in 1, row 1, column 2
        assert!(parameters.import("image.conv.weight", &saved));
        let at = parameters.values().iter().position(|&v| v == 1.0).unwrap();
        assert_eq!(at, ((3 + 2) * 3 + 1) * 2 + 1);
    }

    #[test]
    fn flattened_columns_are_stored_channels_last() {
        let mut parameters = set();
        let mut saved = vec![0.0; 24];
        saved[12 + 2 * 4 + 3] = 7.0; // out 1, channel 2, pixel 3
        assert!(parameters.import("image.fc.weight", &saved));
        let range = parameters.range_of("image.fc.weight").unwrap();
        assert_eq!(parameters.values()[range][(4 + 3) * 3 + 2], 7.0);
    }

    #[test]
    fn import_refuses_unknown_names_and_wrong_lengths() {
        let mut parameters = set();
        let before = parameters.clone();
        assert!(!parameters.import("image.fc.bias", &[0.0]));
        assert!(!parameters.import("image.fc.weight", &[0.0]));
        assert_eq!(parameters, before);
    }

    #[test]
    fn a_builder_without_values_knows_the_same_tensors() {
        let mut builder = ParameterBuilder::without_values();
        builder.scope("image", |builder| {
            builder.parameter("conv.weight", &[2, 3, 3, 3], Layout::Convolution, Initializer::Ones, 27);
            let flattened = Layout::Flattened { pixels: 4, channels: 3 };
            builder.parameter("fc.weight", &[2, 12], flattened, Initializer::Zeros, 12);
            builder.statistic("bn.running_var", 5, 1.0);
        });
        assert_eq!(builder.trainable(), set().len());
        assert_eq!(builder.into_entries(), set().entries().cloned().collect::<Vec<_>>());
        // Too many values for any memory.
        let mut builder = ParameterBuilder::without_values();
        builder.parameter("x", &[1 << 40, 1 << 10], Layout::Same, Initializer::Orthogonal, 1);
        assert_eq!(builder.trainable(), 1 << 50);
    }

    /// 2³² · 2³² wraps to 0: a tensor of that shape would have no values.
    #[test]
    #[should_panic(expected = "parameters: sizes overflow; found")]
    fn a_shape_beyond_memory_is_refused() {
        let side = 1 << (usize::BITS / 2);
        let mut builder = ParameterBuilder::new(Stream::new(1));
        builder.parameter("x", &[side, side], Layout::Same, Initializer::Zeros, 1);
    }

    #[test]
    #[should_panic(expected = "name image.x is taken")]
    fn a_name_is_used_once() {
        let mut builder = ParameterBuilder::new(Stream::new(1));
        builder.scope("image", |b| {
            b.statistic("x", 1, 0.0);
            b.statistic("x", 1, 0.0);
        });
    }
}
