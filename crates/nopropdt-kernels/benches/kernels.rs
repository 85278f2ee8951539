//! Speed of each kernel on the shapes of the paper's block, beside the processor's own limit: GFLOP/s, and the share of a loop of
//! nothing but multiply-adds that is timed on the same core in the same minute.
//!
//! `cargo bench -p nopropdt-kernels --features measure [FILTER…]`; a filter is part of a row's name, such as `avx512` or `weight`.

use nopropdt_kernels::conv3x3::{ConvShape, Epilogue};
use nopropdt_kernels::measure::{Arithmetic, ConvolutionPasses, LinearProducts, Times, peak};
use nopropdt_kernels::random::Stream;
use nopropdt_kernels::{DropoutMask, Isa, Kernels, Precision, available};
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

const BATCH: usize = 128;
/// Time spent on a row.
const LIMIT: Duration = Duration::from_millis(200);

/// Prints rows whose name holds every filter.
struct Table {
    filters: Vec<String>,
    isa: Isa,
    precision: Precision,
    peak: f64,
}

impl Table {
    fn wants(&self, name: &str) -> bool {
        let name = self.whole(name);
        self.filters.iter().all(|filter| name.contains(filter.as_str()))
    }

    fn whole(&self, name: &str) -> String {
        format!("{:10} {:4} {name}", self.isa.to_string(), format!("{:?}", self.precision).to_lowercase())
    }

    /// The fastest of the calls, which is what an undisturbed core does.
    fn row(&self, name: &str, flop: f64, call: impl FnMut()) {
        if self.wants(name) {
            let name = self.whole(name);
            let time = Times::of(LIMIT, call).fastest();
            let rate = flop / time / 1e9;
            let (ms, share) = (time * 1e3, 100.0 * rate / self.peak);
            say(&format!("{name:58} {ms:9.3} ms {rate:8.1} GFLOP/s {share:5.0} %"));
        }
    }
}

fn convolutions(table: &Table, kernels: &dyn Kernels) {
    for (side, in_channels, out_channels, pool) in [
        (28, 1, 32, true),
        (32, 3, 32, true),
        (14, 32, 64, false),
        (14, 32, 64, true),
        (14, 64, 128, true),
        // Those of the deep block without a pool, on images of 32x32.
        (16, 64, 64, false),
        (8, 256, 256, false),
        (4, 256, 256, false),
    ] {
        let shape = ConvShape { batch: BATCH, height: side, width: side, in_channels, out_channels };
        let pooled = if pool { "+pool" } else { "" };
        let dropout = Some(DropoutMask::new(0.2, Stream::new(2)));
        for (epilogue, name) in [
            (Epilogue::Linear, "plain".to_owned()),
            (Epilogue::Relu { pool, dropout: None }, format!("relu{pooled}")),
            (Epilogue::Relu { pool, dropout }, format!("relu{pooled}+dropout")),
        ] {
            let name = format!("{side}x{side}x{in_channels}->{out_channels} {name}");
            let parts = ["forward", "weight", "weight+input"];
            if !parts.iter().any(|part| table.wants(&format!("{name} {part}"))) {
                continue;
            }
            // The first layer's input is the image, which is f32.
            let input = if in_channels > 3 { table.precision } else { Precision::F32 };
            let stored = [input, table.precision];
            let mut passes = ConvolutionPasses::stored_in(kernels, shape, epilogue, stored);
            let flop = passes.flop();
            table.row(&format!("{name} forward"), flop, || passes.forward());
            table.row(&format!("{name} weight"), flop, || passes.weight_gradient());
            if in_channels > 3 {
                table.row(&format!("{name} weight+input"), 2.0 * flop, || passes.both_gradients());
            }
        }
    }
}

/// The three products of a linear layer of `inputs` to `outputs`.
fn linear(table: &Table, kernels: &dyn Kernels, inputs: usize, outputs: usize) {
    let mut layer = LinearProducts::in_precision(kernels, BATCH, inputs, outputs, table.precision);
    let (name, flop) = (format!("linear {inputs}->{outputs}"), layer.flop());
    table.row(&format!("{name} forward"), flop, || layer.forward());
    table.row(&format!("{name} weight"), flop, || layer.weight_gradient());
    table.row(&format!("{name} input"), flop, || layer.input_gradient());
}

/// Prints a line. When nobody reads it, as behind `| head -1`, the program has nothing left to do; `println!` would panic.
fn say(line: &str) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        std::process::exit(i32::from(error.kind() != ErrorKind::BrokenPipe));
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
            for (precision, arithmetic) in
                [(Precision::F32, Arithmetic::F32), (Precision::Bf16, Arithmetic::Bf16)]
            {
                let peak = peak(arithmetic, isa, LIMIT).unwrap_or(f64::NAN);
                let what = "of multiply-adds from registers, one thread";
                say(&format!("{isa}, {precision:?}: {peak:.0} GFLOP/s {what}"));
                let table = Table { filters: filters.clone(), isa, precision, peak };
                convolutions(&table, kernels);
                linear(&table, kernels, 6272, 256);
                linear(&table, kernels, 512, 256);
            }
        }
    });
}
