//! Names and shapes as saved: files of other programs depend on them.

use super::continuous::methods;
use super::{LEARNED, network, small, small_reference, with_network};
use nopropdt_blocks::{
    ConvBlock, DtConfig, EmbeddingConfig, EmbeddingStart, Method, Network, NetworkConfig, NoPropDt,
    ObjectiveKind, Sampler, ScheduleKind,
};
use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::{Layout, Parameters};

fn mnist(block: ConvBlock, embedding: EmbeddingConfig) -> DtConfig {
    DtConfig {
        network: NetworkConfig { embedding, ..NetworkConfig::new(&[28, 28, 1], 10, block) },
        steps: 10,
        eta: 0.1,
        schedule: ScheduleKind::Cosine,
        objective: ObjectiveKind::Paper,
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
    let (_, weights) = network(&mnist(ConvBlock::paper(), EmbeddingConfig::OneHot));
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
    assert!(listed(&weights.shared["embedding"]).is_empty());
    assert_eq!(listed(&weights.shared["head"]), [("head.weight", &[10, 10][..]), ("head.bias", &[10][..])]);
    assert_eq!(weights.len(), 10 * 2_001_290 + 110);
}

#[test]
fn the_reference_block_with_its_decoder_and_embedding() {
    let embedding = EmbeddingConfig::Learned { dim: 256, start: EmbeddingStart::Small };
    let config = mnist(ConvBlock { decoder: true, ..ConvBlock::reference() }, embedding);
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
    assert_eq!(listed(&weights.shared["embedding"]), [("embedding.weight", &[10, 256][..])]);
    assert_eq!(listed(&weights.shared["head"]), [("head.weight", &[10, 256][..]), ("head.bias", &[10][..])]);
}

/// Every method with every kind of embedding.
#[test]
fn tensors_are_known_before_there_are_weights() {
    for embedding in [EmbeddingConfig::OneHot, LEARNED, EmbeddingConfig::Prototype] {
        let of_blocks = [small(), small_reference()].map(|config| {
            let config = with_network(config, |network| network.embedding = embedding);
            Box::new(NoPropDt::new(&config).unwrap()) as Box<dyn Method>
        });
        for net in methods(embedding).into_iter().chain(of_blocks) {
            let (facts, weights) = (net.facts(), net.init(0));
            assert_eq!(net.tensors(), weights.tensors(), "{}, {embedding:?}", facts.name);
            assert_eq!(facts.parameters, weights.len(), "{}, {embedding:?}", facts.name);
        }
    }
}

#[test]
fn a_networks_further_sets_are_among_its_tensors() {
    let config = small().network;
    for net in [Network::of_blocks(&config).unwrap(), Network::of_all_times(&config).unwrap()] {
        let net = net.with_shared("more", |builder| {
            builder.parameter("more.weight", &[2, 3], Layout::Same, Initializer::Ones, 3);
        });
        let (tensors, weights) = (net.tensors(3), net.init(3, 0));
        assert_eq!(tensors, weights.tensors());
        assert_eq!(tensors.shared["more"].len(), 1);
        assert_eq!(net.facts("a network", 3).parameters, weights.len());
    }
}
