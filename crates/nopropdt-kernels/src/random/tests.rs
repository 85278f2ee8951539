use proptest::prelude::*;

use super::*;

const DRAWS: usize = 1_000_000;

fn stream() -> Stream {
    Stream::new(20_240).purpose("test")
}

fn normals(stream: Stream, count: usize) -> Vec<f64> {
    let mut out = vec![0.0; count];
    stream.fill_normal(&mut out);
    out.into_iter().map(f64::from).collect()
}

/// The mean of `f` over `values`; for n draws it strays about sqrt(var f / n).
fn mean_of(values: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    values.iter().map(|&value| f(value)).sum::<f64>() / values.len() as f64
}

fn assert_near(what: &str, found: f64, expected: f64, deviation: f64) {
    let distance = (found - expected).abs();
    assert!(distance < 4.5 * deviation, "{what}: {found}, expected {expected} within 4.5 x {deviation}");
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean_of(a, |x| x), mean_of(b, |x| x));
    let covariance: f64 = a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum();
    let variance = |values: &[f64], mean: f64| values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    covariance / (variance(a, mean_a) * variance(b, mean_b)).sqrt()
}

/// Chi squared over equal cells, as a number of standard deviations from its mean.
fn chi_squared_deviations(counts: &[u32]) -> f64 {
    let expected = counts.iter().sum::<u32>() as f64 / counts.len() as f64;
    let chi: f64 = counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    let freedom = (counts.len() - 1) as f64;
    (chi - freedom) / (2.0 * freedom).sqrt()
}

#[test]
fn the_root_stream_is_plain_philox() {
    let mut halves = [0; 2];
    Stream::new(0).fill_u16_at(0, &mut halves);
    assert_eq!(halves, [0xe8d5, 0x6627]);
}

/// Pins the order of numbers and the hash of names: a change here makes every saved run impossible to resume.
#[test]
fn numbers_never_change() {
    let stream = Stream::new(7).purpose("noise").child(1).child(2).child(3);
    let mut words = [0; 2];
    stream.fill_u16_at(1000, &mut words);
    let mut uniform = [0.0; 1];
    stream.fill_uniform_at(1000, &mut uniform);
    let mut normal = [0.0; 2];
    stream.fill_normal_at(1000, &mut normal);
    assert_eq!((words, uniform, normal), ([33_776, 527], [0.687_306_1], [0.665_172_7, 0.665_713_37]));
}

#[test]
fn uniform_numbers_are_uniform() {
    let mut out = vec![0.0; DRAWS];
    stream().fill_uniform(&mut out);
    assert!(out.iter().all(|value| (0.0..1.0).contains(value)));
    let mut counts = [0; 1000];
    out.iter().for_each(|value| counts[(value * 1000.0) as usize] += 1);
    let deviations = chi_squared_deviations(&counts);
    assert!(deviations.abs() < 4.5, "{deviations}");
    let values: Vec<f64> = out.iter().map(|&value| f64::from(value)).collect();
    let n = DRAWS as f64;
    assert_near("mean", mean_of(&values, |x| x), 0.5, (1.0 / 12.0 / n).sqrt());
    assert_near("variance", mean_of(&values, |x| (x - 0.5).powi(2)), 1.0 / 12.0, (1.0 / 180.0 / n).sqrt());
}

#[test]
fn normal_numbers_have_normal_moments() {
    let values = normals(stream(), DRAWS);
    let n = DRAWS as f64;
    assert_near("mean", mean_of(&values, |x| x), 0.0, (1.0 / n).sqrt());
    assert_near("variance", mean_of(&values, |x| x.powi(2)), 1.0, (2.0 / n).sqrt());
    assert_near("skewness", mean_of(&values, |x| x.powi(3)), 0.0, (15.0 / n).sqrt());
    assert_near("kurtosis", mean_of(&values, |x| x.powi(4)), 3.0, (96.0 / n).sqrt());
    let beyond_three = mean_of(&values, |x| f64::from(x.abs() > 3.0));
    assert_near("tails", beyond_three, 0.002_699_8, (0.0027 / n).sqrt());
}

/// Kolmogorov–Smirnov: the empirical distribution against the exact one, summed from the density.
#[test]
fn normal_numbers_follow_the_normal_distribution() {
    let mut values = normals(stream().child(5), DRAWS);
    values.sort_by(f64::total_cmp);
    // The trapezium rule over steps of 1e-3 gives the distribution function to 1e-7.
    let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let (mut x, mut below, mut seen, mut distance) = (-8.0_f64, 0.0, 0, 0.0_f64);
    while x < 8.0 {
        below += 0.5e-3 * (density(x) + density(x + 1e-3));
        x += 1e-3;
        seen += values[seen..].iter().take_while(|&&value| value < x).count();
        distance = distance.max((seen as f64 / DRAWS as f64 - below).abs());
    }
    assert_eq!(seen, DRAWS);
    // 1.95 / sqrt(n) is passed with probability 0.001.
    assert!(distance < 1.95 / (DRAWS as f64).sqrt(), "{distance}");
}

/// The series against the library's functions in f64, over the words of many counters and the extreme ones.
#[test]
fn box_muller_is_accurate() {
    let mut words: Vec<[u32; GROUP]> = (0..2000).map(|group| stream().words((), group)).collect();
    words.push([0; GROUP]);
    words.push([u32::MAX; GROUP]);
    words.push(std::array::from_fn(|i| 1 << (i % 32)));
    for words in words {
        let lanes: Lanes<LANES> =
            std::array::from_fn(|w| std::array::from_fn(|lane| words[w * LANES + lane]));
        let found = normal::from_words(&lanes);
        for start in [0, 2 * LANES] {
            for at in start..start + LANES {
                let (radius_word, angle_word) = (words[at], words[at + LANES]);
                let u = f64::from((f64::from(radius_word) + 0.5) as f32) / 2f64.powi(32);
                let radius = (-2.0 * u.ln()).sqrt();
                let (sine, cosine) =
                    (std::f64::consts::TAU * f64::from(angle_word) / 2f64.powi(32)).sin_cos();
                for (index, exact) in [(at, radius * cosine), (at + LANES, radius * sine)] {
                    let error = (f64::from(found[index]) - exact).abs();
                    assert!(
                        error < 1e-6,
                        "words {radius_word:x} {angle_word:x}: {} not {exact}",
                        found[index]
                    );
                }
            }
        }
    }
}

#[test]
fn sixteen_bit_numbers_are_uniform_and_uncorrelated() {
    let mut out = vec![0; 1 << 22];
    stream().fill_u16_at(0, &mut out);
    let mut counts = vec![0; 1 << 16];
    out.iter().for_each(|&value| counts[usize::from(value)] += 1);
    let deviations = chi_squared_deviations(&counts);
    assert!(deviations.abs() < 4.5, "{deviations}");
    let values: Vec<f64> = out.iter().map(|&value| f64::from(value)).collect();
    for lag in [1, 2, 16, 32, 64, 128] {
        let found = correlation(&values[lag..], &values[..values.len() - lag]);
        assert_near(&format!("lag {lag}"), found, 0.0, (1.0 / values.len() as f64).sqrt());
    }
}

#[test]
fn related_streams_are_uncorrelated() {
    const COUNT: usize = 100_000;
    let root = Stream::new(1);
    let step = root.purpose("noise").child(0).child(0);
    let related = [
        root,
        Stream::new(2),
        root.purpose("noise"),
        root.purpose("dropout"),
        root.purpose("noise").child(0),
        root.purpose("noise").child(1),
        step.child(0),
        step.child(1),
        step.child(1 << 32),
    ];
    let drawn: Vec<Vec<f64>> = related.iter().map(|&stream| normals(stream, COUNT)).collect();
    for (i, a) in drawn.iter().enumerate() {
        for (j, b) in drawn.iter().enumerate().skip(i + 1) {
            let found = correlation(a, b);
            assert_near(&format!("streams {i} and {j}"), found, 0.0, (1.0 / COUNT as f64).sqrt());
        }
    }
}

/// The first numbers of many siblings are as good a sequence as the numbers of one.
#[test]
fn siblings_are_uniform_across() {
    let parent = stream().purpose("siblings");
    let mut counts = [0; 256];
    for tag in 0..100_000 {
        let mut first = [0];
        parent.child(tag).fill_u16_at(0, &mut first);
        counts[usize::from(first[0] >> 8)] += 1;
    }
    let deviations = chi_squared_deviations(&counts);
    assert!(deviations.abs() < 4.5, "{deviations}");
}

#[test]
fn names_differ_wherever_their_paths_do() {
    let root = Stream::new(3);
    let mut streams = vec![
        root,
        Stream::new(3 << 32),
        root.purpose(""),
        root.purpose("a"),
        root.purpose("a\0"),
        root.purpose("eight by"),
        root.purpose("eight bytes"),
        root.purpose("eight by").purpose("tes"),
        root.child(0),
        root.child(u64::from(b'a')),
        root.child(0).child(0),
        root.child(1).child(2),
        root.child(2).child(1),
        root.purpose("a").child(1),
        root.child(1).purpose("a"),
    ];
    let count = streams.len();
    streams.sort_by_key(|stream| (stream.key, stream.nonce));
    streams.dedup();
    assert_eq!(streams.len(), count);
}

#[test]
fn words_are_what_the_halves_are_of() {
    let count = 3 * GROUP + 5;
    let (mut halves, mut words) = (vec![0; 2 * count], vec![0; count]);
    stream().fill_u16_at(14, &mut halves);
    stream().fill_words_at(7, &mut words);
    let expected = halves.chunks(2).map(|pair| u32::from(pair[0]) | u32::from(pair[1]) << 16);
    assert!(expected.eq(words));
}

#[test]
fn offsets_at_the_end_of_the_range_do_not_panic() {
    let mut out = [0.0; 200];
    stream().fill_normal_at(u64::MAX, &mut out);
    assert!(out.iter().all(|value| value.is_finite()));
    let mut halves = [0; 300];
    stream().fill_u16_at(u64::MAX - 7, &mut halves);
    assert!(halves.iter().any(|&half| half != halves[0]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_part_of_a_stream_is_reproducible(
        seed in any::<u64>(),
        start in any::<u32>(),
        offset in 0usize..300,
        length in 0usize..300,
    ) {
        let (stream, start, range) = (Stream::new(seed), u64::from(start), offset..offset + length);
        let from = start + offset as u64;
        let (mut all, mut part) = (vec![0.0; 600], vec![0.0; length]);
        stream.fill_normal_at(start, &mut all);
        stream.fill_normal_at(from, &mut part);
        prop_assert_eq!(&part[..], &all[range.clone()]);
        stream.fill_uniform_at(start, &mut all);
        stream.fill_uniform_at(from, &mut part);
        prop_assert_eq!(&part[..], &all[range.clone()]);
        let (mut all, mut part) = (vec![0; 600], vec![0; length]);
        stream.fill_u16_at(start, &mut all);
        stream.fill_u16_at(from, &mut part);
        prop_assert_eq!(&part[..], &all[range]);
    }
}
