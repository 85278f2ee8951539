//! What a run measures: [`EpochMetrics`] of each epoch, and a [`Summary`] of the whole. [`crate::metrics_file`] writes and reads them.

mod measured;

pub use measured::Measured;

use crate::diagnostics::SharedSets;
use nopropdt_blocks::Readout;
use serde::{Deserialize, Serialize};

/// One epoch of training, and the test read-outs at its end if it was measured: by the setting `eval-every` not every epoch is. Accuracies
/// are fractions, 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochMetrics {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Training time of this epoch alone, without evaluation, in seconds.
    pub seconds: f64,
    /// Mean squared error ‖û_t - u_y‖² of each block over the epoch, block 1 first.
    pub train_loss: Vec<f64>,
    /// Mean of what each block minimises, over the epoch, as the next ones; empty in files of before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub total: Vec<f64>,
    /// Its mean ‖û − u_y‖², unweighted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub squared_error: Vec<f64>,
    /// Its mean CE(f(z_T), y).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cross_entropy: Vec<f64>,
    /// Its mean KL(q(z_0|y) ‖ N(0, I)).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kl: Vec<f64>,
    /// Mean Euclidean norm of its gradient before clipping, over every tenth batch of the epoch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gradient_norm: Vec<f64>,
    /// Seconds that its gradients and its optimiser took; those of blocks that learn side by side overlap.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub block_seconds: Vec<f64>,
    /// What the blocks share, at the end of the epoch; absent in files of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<SharedSets>,
    /// Learning rate at the end of the epoch.
    pub learning_rate: f64,
    /// Accuracy of the chain on the validation images, when some are held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy: Option<f64>,
    /// Accuracy of the consensus on the validation images, when some are held out; absent in files of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_accuracy_consensus: Option<f64>,
    /// Accuracy of the chain (the paper's read-out) on the test images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_accuracy: Option<f64>,
    /// Accuracy on the test images when the answer is read after each block, block 1 first; empty where it was not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_accuracy_per_block: Vec<f64>,
    /// Accuracy on the test images when the blocks' class probabilities are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_accuracy_consensus: Option<f64>,
    /// Mean over classes of the chain's accuracy on the test images of each; absent in files of before too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_balanced_accuracy: Option<f64>,
    /// The same of the consensus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_balanced_accuracy_consensus: Option<f64>,
    /// Where the answer is read: by the better read-out on the validation images, else by the method's own; absent in files of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readout: Option<Readout>,
    /// Accuracy of that read-out on the test images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_accuracy: Option<f64>,
    /// Training images of this epoch divided by its training seconds.
    pub images_per_second: f64,
}

/// A whole run in one object. Accuracies are fractions, 0 to 1, of its model: after the last epoch, or after the best one where that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Accuracy of the chain (the paper's read-out) on the test images.
    pub test_accuracy: f64,
    /// Accuracy on the test images when the blocks' class probabilities are averaged.
    pub test_accuracy_consensus: f64,
    /// Accuracy on the test images when the answer is read after each block, block 1 first.
    pub test_accuracy_per_block: Vec<f64>,
    /// Mean over classes of the chain's accuracy on the test images of each; absent in files of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_balanced_accuracy: Option<f64>,
    /// The same of the consensus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_balanced_accuracy_consensus: Option<f64>,
    /// Where the answer is read: by the better read-out on the validation images, else by the method's own; absent in files of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readout: Option<Readout>,
    /// Accuracy of that read-out on the test images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_accuracy: Option<f64>,
    /// Epochs trained.
    pub epochs: usize,
    /// Epochs that were finished each time that the run was given another number of them; the learning rate followed the old number until
    /// then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended_after: Vec<usize>,
    /// The epoch that the model, and with it every accuracy here, is of; absent where it is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<usize>,
    /// Whether the run ended before its last epoch because none was better than the best; absent without a patience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_early: Option<bool>,
    /// Trained numbers in the model: every weight, bias, scale and shift.
    pub parameters: u64,
    /// Wall-clock time of the whole run, evaluation included, in seconds.
    pub seconds: f64,
    /// Training time alone, in seconds.
    pub train_seconds: f64,
    /// Largest resident memory of the process, in bytes; 0 where [`crate::memory`] cannot know it.
    pub peak_rss_bytes: u64,
    /// Most that the first epoch of this process added to the resident memory once the images were read: weights, optimiser,
    /// activations; none where [`crate::memory`] cannot know it, or no epoch was left.
    #[serde(default)]
    pub train_rss_bytes: Option<u64>,
    /// Arithmetic of the run: `f32` or `bf16`.
    pub precision: String,
    /// Instruction set of the kernels, such as `avx2`.
    pub isa: String,
    /// Threads that trained.
    pub threads: usize,
    /// Seed of every random draw.
    pub seed: u64,
}

impl EpochMetrics {
    /// The read-out that the validation images chose, if there are some.
    pub fn chosen_readout(&self) -> Option<Readout> {
        self.validation_accuracy_consensus.and(self.readout)
    }
}
