//! Speed of each kernel on the shapes of the paper's block, beside the processor's own limit: GFLOP/s, and the share of a loop of
//! nothing but multiply-adds that is timed on the same core in the same minute.
//!
//! `cargo bench -p nopropdt-tensor --bench kernels [FILTER…]`; a filter is part of a row's name, such as `avx512` or `weight`.

use nopropdt_tensor::kernels::conv3x3::{Backward, ConvShape, Epilogue, Forward};
use nopropdt_tensor::kernels::dropout::DropoutMask;
use nopropdt_tensor::kernels::gemm::{Gemm, Operand};
use nopropdt_tensor::kernels::simd::{Operation, Simd};
use nopropdt_tensor::kernels::{Isa, Kernels, available};
use nopropdt_tensor::random::Stream;
use std::hint::black_box;
use std::time::{Duration, Instant};

const BATCH: usize = 128;

/// Seconds of one call: the fastest of those that fit in a fifth of a second, which is what an undisturbed core does.
fn seconds(mut call: impl FnMut()) -> f64 {
    call();
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed() < Duration::from_millis(200) {
        let begin = Instant::now();
        call();
        best = best.min(begin.elapsed().as_secs_f64());
    }
    best
}

/// Twelve independent chains of multiply-adds: enough for two ports and four cycles of latency.
struct Chains(usize);

impl Operation for Chains {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (factor, term) = (simd.splat(black_box(0.5)), simd.splat(black_box(0.25)));
        let mut chains = [simd.zero(); 12];
        for _ in 0..self.0 {
            for chain in &mut chains {
                *chain = simd.mul_add(*chain, factor, term);
            }
        }
        black_box(&chains);
    }
}

/// GFLOP/s of multiply-adds from registers, with the vectors of `isa`; the portable kernels leave the choice to matrixmultiply, which
/// takes the widest. NaN where this program knows no vectors.
fn peak(isa: Isa) -> f64 {
    #[cfg(target_arch = "x86_64")]
    {
        use nopropdt_tensor::kernels::simd::{Avx2, Avx512};
        fn of<S: Simd>(simd: S) -> f64 {
            const ROUNDS: usize = 100_000;
            let time = seconds(|| simd.vectorize(Chains(ROUNDS)));
            (ROUNDS * 12 * 2 * S::LANES) as f64 / time / 1e9
        }
        let widest = Avx512::detect().filter(|_| isa != Isa::Avx2).map(of);
        widest.or_else(|| Avx2::detect().map(of)).unwrap_or(f64::NAN)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = isa;
        f64::NAN
    }
}

fn uniform(length: usize, tag: u64) -> Vec<f32> {
    let mut values = vec![0.0; length];
    Stream::new(1).child(tag).fill_uniform(&mut values);
    values.iter_mut().for_each(|v| *v -= 0.5);
    values
}

/// Prints rows whose name holds every filter.
struct Table {
    filters: Vec<String>,
    isa: Isa,
    peak: f64,
}

impl Table {
    fn wants(&self, name: &str) -> bool {
        let name = format!("{:8} {name}", self.isa.to_string());
        self.filters.iter().all(|filter| name.contains(filter.as_str()))
    }

    fn row(&self, name: &str, flop: usize, call: impl FnMut()) {
        if self.wants(name) {
            let name = format!("{:8} {name}", self.isa.to_string());
            let time = seconds(call);
            let rate = flop as f64 / time / 1e9;
            println!("{name:50} {:9.3} ms {rate:8.1} GFLOP/s {:5.0} %", time * 1e3, 100.0 * rate / self.peak);
        }
    }
}

fn convolutions(table: &Table, kernels: &dyn Kernels) {
    for (side, in_channels, out_channels, pool) in
        [(28, 1, 32, true), (32, 3, 32, true), (14, 32, 64, false), (14, 32, 64, true), (14, 64, 128, true)]
    {
        let shape = ConvShape { batch: BATCH, height: side, width: side, in_channels, out_channels };
        let flop = 2 * BATCH * side * side * shape.weights();
        let (x, weight, bias) = (
            uniform(BATCH * side * side * in_channels, 1),
            uniform(shape.weights(), 2),
            uniform(out_channels, 3),
        );
        let fused = Epilogue::Relu { pool, dropout: Some(DropoutMask::new(0.2, Stream::new(2))) };
        for (epilogue, name) in
            [(Epilogue::Linear, "plain"), (fused, if pool { "fused+pool" } else { "fused" })]
        {
            let name = format!("{side}x{side}x{in_channels}->{out_channels} {name}");
            if !["forward", "weight", "weight+input"]
                .iter()
                .any(|part| table.wants(&format!("{name} {part}")))
            {
                continue;
            }
            let forward = Forward { shape, x: &x, weight: &weight, bias: &bias, epilogue };
            let (rows, columns) = epilogue.output_size(&shape);
            let length = BATCH * rows * columns * out_channels;
            let (mut output, mut arg_max) =
                (vec![0.0; length], vec![0; if epilogue.pools() { length } else { 0 }]);
            forward.run(kernels, &mut output, &mut arg_max);
            table.row(&format!("{name} forward"), flop, || forward.run(kernels, &mut output, &mut arg_max));
            let grad_output = uniform(length, 4);
            let backward =
                Backward { forward, output: &output, arg_max: &arg_max, grad_output: &grad_output };
            let (mut gw, mut gb, mut gx) =
                (vec![0.0; weight.len()], vec![0.0; bias.len()], vec![0.0; x.len()]);
            table.row(&format!("{name} weight"), flop, || backward.run(kernels, &mut gw, &mut gb, None));
            if in_channels > 3 {
                let run = || backward.run(kernels, &mut gw, &mut gb, Some(&mut gx));
                table.row(&format!("{name} weight+input"), 2 * flop, run);
            }
        }
    }
}

/// The three products of a linear layer of `inputs` to `outputs`.
fn linear(table: &Table, kernels: &dyn Kernels, inputs: usize, outputs: usize) {
    let (x, w, y) = (uniform(BATCH * inputs, 1), uniform(inputs * outputs, 2), uniform(BATCH * outputs, 3));
    let products = [
        ("forward", BATCH, outputs, inputs, Operand::plain(&x), Operand::transposed(&w)),
        ("weight", outputs, inputs, BATCH, Operand::transposed(&y), Operand::plain(&x)),
        ("input", BATCH, inputs, outputs, Operand::plain(&y), Operand::plain(&w)),
    ];
    for (name, m, n, k, a, b) in products {
        let gemm = Gemm { m, n, k, a, b, accumulate: true };
        let mut c = vec![0.0; m * n];
        table.row(&format!("linear {inputs}->{outputs} {name}"), 2 * m * n * k, || gemm.run(kernels, &mut c));
    }
}

fn main() {
    // Cargo passes `--bench`.
    let filters: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a pool of one thread");
    one.install(|| {
        for kernels in available() {
            let (isa, filters) = (kernels.isa(), filters.clone());
            if filters
                .iter()
                .any(|filter| Isa::ALL.iter().any(|other| *other != isa && other.to_string() == *filter))
            {
                continue;
            }
            let table = Table { filters, isa, peak: peak(isa) };
            println!("{isa}: {:.0} GFLOP/s of multiply-adds from registers, one thread", table.peak);
            convolutions(&table, kernels);
            linear(&table, kernels, 6272, 256);
            linear(&table, kernels, 512, 256);
        }
    });
}
