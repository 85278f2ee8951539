//! Names and shapes as saved: files of other programs depend on them.

use super::network;
use nopropdt_blocks::{
    BlockConfig, DtConfig, EmbeddingConfig, EmbeddingStart, HeadConfig, Method, NoPropDt, ObjectiveKind,
    Sampler, ScheduleKind,
};
use nopropdt_tensor::Parameters;

fn mnist(block: BlockConfig, embedding: EmbeddingConfig) -> DtConfig {
    DtConfig {
        image: [28, 28, 1],
        classes: 10,
        steps: 10,
        eta: 0.1,
        schedule: ScheduleKind::Cosine,
        objective: ObjectiveKind::Paper,
        embedding,
        head: HeadConfig::Softmax,
        block,
        sampler: Sampler::Stochastic,
    }
}

fn listed(parameters: &Parameters) -> Vec<(&str, &[usize])> {
    parameters.entries().map(|entry| (entry.name.as_str(), entry.shape.as_slice())).collect()
}

/// What both blocks share, after the image path's linear layer.
const LABEL: [(&str, &[usize]); 11] = [
    ("label.fc1.bias", &[256]),
    ("label.bn1.weight", &[256]),
    ("label.bn1.bias", &[256]),
    ("label.fc2.weight", &[256, 256]),
    ("label.fc2.bias", &[256]),
    ("label.bn2.weight", &[256]),
    ("label.bn2.bias", &[256]),
    ("label.fc3.weight", &[256, 256]),
    ("label.fc3.bias", &[256]),
    ("label.bn3.weight", &[256]),
    ("label.bn3.bias", &[256]),
];

#[test]
fn the_paper_block() {
    let (_, weights) = network(&mnist(BlockConfig::paper(), EmbeddingConfig::OneHot));
    let mut expected: Vec<(&str, &[usize])> = vec![
        ("image.conv1.weight", &[32, 1, 3, 3]),
        ("image.conv1.bias", &[32]),
        ("image.conv2.weight", &[64, 32, 3, 3]),
        ("image.conv2.bias", &[64]),
        ("image.conv3.weight", &[128, 64, 3, 3]),
        ("image.conv3.bias", &[128]),
        ("image.fc.weight", &[256, 6272]),
        ("image.fc.bias", &[256]),
        ("image.bn.weight", &[256]),
        ("image.bn.bias", &[256]),
        ("label.fc1.weight", &[256, 10]),
    ];
    expected.extend(LABEL);
    expected.extend::<[(&str, &[usize]); 10]>([
        ("join.fc1.weight", &[256, 512]),
        ("join.fc1.bias", &[256]),
        ("join.bn1.weight", &[256]),
        ("join.bn1.bias", &[256]),
        ("join.fc2.weight", &[128, 256]),
        ("join.fc2.bias", &[128]),
        ("join.bn2.weight", &[128]),
        ("join.bn2.bias", &[128]),
        ("join.out.weight", &[10, 128]),
        ("join.out.bias", &[10]),
    ]);
    expected.extend::<[(&str, &[usize]); 12]>([
        ("image.bn.running_mean", &[256]),
        ("image.bn.running_var", &[256]),
        ("label.bn1.running_mean", &[256]),
        ("label.bn1.running_var", &[256]),
        ("label.bn2.running_mean", &[256]),
        ("label.bn2.running_var", &[256]),
        ("label.bn3.running_mean", &[256]),
        ("label.bn3.running_var", &[256]),
        ("join.bn1.running_mean", &[256]),
        ("join.bn1.running_var", &[256]),
        ("join.bn2.running_mean", &[128]),
        ("join.bn2.running_var", &[128]),
    ]);
    for block in &weights.blocks {
        assert_eq!(listed(block), expected);
        assert_eq!(block.len(), 2_001_290);
    }
    assert!(listed(&weights.shared[0]).is_empty());
    assert_eq!(listed(&weights.shared[1]), [("head.weight", &[10, 10][..]), ("head.bias", &[10][..])]);
    assert_eq!(weights.len(), 10 * 2_001_290 + 110);
}

#[test]
fn the_reference_block_with_its_decoder_and_embedding() {
    let embedding = EmbeddingConfig::Learned { dim: 256, start: EmbeddingStart::Small };
    let config = mnist(BlockConfig { decoder: true, ..BlockConfig::reference() }, embedding);
    let net = NoPropDt::new(&DtConfig { steps: 1, ..config }).unwrap();
    let weights = net.init(0);
    let found = listed(&weights.blocks[0]);
    for expected in [
        ("image.fc.weight", &[256, 128][..]),
        ("label.fc1.weight", &[256, 256]),
        ("join.fc2.weight", &[256, 256]),
        ("join.bn2.running_var", &[256]),
        ("join.out.weight", &[10, 256]),
        ("decoder.fc.weight", &[256, 256]),
        ("decoder.fc.bias", &[256]),
    ] {
        assert!(found.contains(&expected), "{expected:?} is not in {found:?}");
    }
    assert_eq!(found.len(), 46);
    let convolutions = 320 + 18_496 + 73_856;
    let image = convolutions + 128 * 256 + 256 + 512;
    let label = 3 * (256 * 256 + 256 + 512);
    let join = 512 * 256 + 256 + 512 + 256 * 256 + 256 + 512 + 2570;
    assert_eq!(weights.blocks[0].len(), image + label + join + 256 * 256 + 256);
    assert_eq!(listed(&weights.shared[0]), [("embedding.weight", &[10, 256][..])]);
    assert_eq!(listed(&weights.shared[1]), [("head.weight", &[10, 256][..]), ("head.bias", &[10][..])]);
}
