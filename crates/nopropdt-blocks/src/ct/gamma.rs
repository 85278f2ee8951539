//! The learned noise schedule of continuous time (spec section 3): ᾱ(t) = σ(−γ(t)) with
//! γ(t) = γ0 + (γ1 − γ0)(1 − γ̄(t)), γ̄ = (γ̃(t) − γ̃(0))/(γ̃(1) − γ̃(0)), and γ̃ a two-layer network with positive weights.
//!
//! It is a function of one number with few parameters, so it is differentiated by hand, in f64: γ and γ' forwards, and
//! backwards from gradients of both to every parameter.

use nopropdt_tensor::init::Initializer;
use nopropdt_tensor::{Layout, ParameterBuilder, ParameterId, Parameters};

/// Width of γ̃'s hidden layer.
const HIDDEN: usize = 16;
/// γ(1) at the start: ᾱ(1) = σ(3) = 0.953. Where it ends is learned. From as wide a range as that of the discrete schedules,
/// SNR' would give nearly all weight to levels so clean that nobody has to look at the image.
const GAMMA_0: f32 = -3.0;
/// softplus⁻¹ of γ(0) − γ(1) at the start: ᾱ(0) = σ(−5) = 0.007.
const SPAN: f32 = 7.999_664_5;
/// γ̃ is taken to rise by at least as much, so that there is something to divide by where every unit has underflown.
const LEAST_RISE: f64 = 1e-150;

/// Handles to the schedule's parameters in a set of their own.
#[derive(Debug, Clone)]
pub(crate) struct Gamma {
    gamma0: ParameterId,
    /// softplus⁻¹(γ1 − γ0), so that γ falls whatever is learned.
    span: ParameterId,
    /// softplus⁻¹ of the weights of the first layer.
    inner: ParameterId,
    bias: ParameterId,
    /// softplus⁻¹ of the weights of the second layer.
    outer: ParameterId,
}

/// γ(t) and γ'(t).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    pub(crate) gamma: f64,
    pub(crate) slope: f64,
}

impl Level {
    /// ᾱ = σ(−γ).
    pub(crate) fn alpha_bar(self) -> f64 {
        sigmoid(-self.gamma)
    }

    /// 1 − ᾱ = σ(γ), which the difference would lose near 1.
    pub(crate) fn noise(self) -> f64 {
        sigmoid(self.gamma)
    }

    /// SNR' = −γ'·e^{−γ}.
    pub(crate) fn snr_slope(self) -> f64 {
        -self.slope * (-self.gamma).exp()
    }
}

/// The schedule with the values its parameters have now.
#[derive(Debug)]
pub(crate) struct Curve {
    gamma0: f64,
    raw_span: f64,
    span: f64,
    raw: Vec<[f64; 3]>,
    units: Vec<Unit>,
    /// γ̃(1) − γ̃(0).
    rise: f64,
}

/// A hidden unit: v·σ(w·t + b) with v, w > 0.
#[derive(Debug, Clone, Copy)]
struct Unit {
    w: f64,
    b: f64,
    v: f64,
}

impl Unit {
    /// σ(w·t + b) − σ(b) = σ(w·t + b)·σ(−b)·(1 − e^{−w·t}): a product, which does not cancel where both are nearly 1.
    fn step(&self, t: f64) -> f64 {
        -sigmoid(self.w * t + self.b) * sigmoid(-self.b) * (-self.w * t).exp_m1()
    }

    /// What this unit adds to γ̃(t) − γ̃(0), and its derivative in t.
    fn at(&self, t: f64) -> (f64, f64) {
        let x = self.w * t + self.b;
        (self.v * self.step(t), self.v * self.w * sigmoid(x) * sigmoid(-x))
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// ln(1 + eˣ), without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl Gamma {
    /// Registers `schedule.gamma0`, `schedule.span`, `schedule.fc1.weight`, `schedule.fc1.bias` and `schedule.fc2.weight`.
    pub(crate) fn new(builder: &mut ParameterBuilder) -> Self {
        let constant = |value| Initializer::Constant { value };
        builder.scope("schedule", |builder| Self {
            gamma0: builder.parameter("gamma0", &[1], Layout::Same, constant(GAMMA_0), 1),
            span: builder.parameter("span", &[1], Layout::Same, constant(SPAN), 1),
            inner: builder.parameter("fc1.weight", &[HIDDEN, 1], Layout::Same, constant(0.0), 1),
            bias: builder.parameter("fc1.bias", &[HIDDEN], Layout::Same, Initializer::Normal { std: 1.0 }, 1),
            outer: builder.parameter("fc2.weight", &[1, HIDDEN], Layout::Same, constant(0.0), HIDDEN),
        })
    }

    /// The curve that `parameters` describe.
    pub(crate) fn curve(&self, parameters: &Parameters) -> Curve {
        let get = |id| parameters.get(id).iter().map(|&v| f64::from(v));
        let raw: Vec<[f64; 3]> =
            get(self.inner).zip(get(self.bias)).zip(get(self.outer)).map(|((w, b), v)| [w, b, v]).collect();
        let units: Vec<Unit> =
            raw.iter().map(|&[w, b, v]| Unit { w: softplus(w), b, v: softplus(v) }).collect();
        let raw_span = f64::from(parameters.get(self.span)[0]);
        let gamma0 = f64::from(parameters.get(self.gamma0)[0]);
        let rise: f64 = units.iter().map(|unit| unit.at(1.0).0).sum();
        // NaN stays.
        let rise = if rise < LEAST_RISE { LEAST_RISE } else { rise };
        Curve { gamma0, raw_span, span: softplus(raw_span), raw, units, rise }
    }

    /// The gradient of every parameter, flat, from gradients (of γ, of γ') at `times`.
    pub(crate) fn gradient(
        &self,
        parameters: &Parameters,
        curve: &Curve,
        upstream: &[(f64, f64, f64)],
    ) -> Vec<f32> {
        let of_curve = curve.gradient(upstream);
        let mut flat = vec![0.0; parameters.len()];
        let mut put = |id: ParameterId, values: &mut dyn Iterator<Item = f64>| {
            flat[parameters.range(id)].iter_mut().zip(values).for_each(|(to, value)| *to = value as f32);
        };
        put(self.gamma0, &mut std::iter::once(of_curve.gamma0));
        put(self.span, &mut std::iter::once(of_curve.raw_span));
        put(self.inner, &mut of_curve.raw.iter().map(|unit| unit[0]));
        put(self.bias, &mut of_curve.raw.iter().map(|unit| unit[1]));
        put(self.outer, &mut of_curve.raw.iter().map(|unit| unit[2]));
        flat
    }
}

/// Gradients of a curve's parameters.
struct CurveGradient {
    gamma0: f64,
    raw_span: f64,
    raw: Vec<[f64; 3]>,
}

impl Curve {
    /// γ̃(t) − γ̃(0) and γ̃'(t).
    fn network(&self, t: f64) -> (f64, f64) {
        self.units.iter().map(|unit| unit.at(t)).fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
    }

    /// γ and γ' at `t`, differentiated exactly.
    pub(crate) fn at(&self, t: f64) -> Level {
        let (value, slope) = self.network(t);
        let share = value / self.rise;
        Level { gamma: self.gamma0 + self.span * (1.0 - share), slope: -self.span * slope / self.rise }
    }

    /// From (t, ∂L/∂γ(t), ∂L/∂γ'(t)) to the parameters.
    fn gradient(&self, upstream: &[(f64, f64, f64)]) -> CurveGradient {
        let mut gradient =
            CurveGradient { gamma0: 0.0, raw_span: 0.0, raw: vec![[0.0; 3]; self.units.len()] };
        let (mut of_span, mut of_rise) = (0.0, 0.0);
        for &(t, of_gamma, of_slope) in upstream {
            let (value, slope) = self.network(t);
            let share = value / self.rise;
            gradient.gamma0 += of_gamma;
            of_span += of_gamma * (1.0 - share) - of_slope * slope / self.rise;
            of_rise += self.span * (of_gamma * share + of_slope * slope / self.rise) / self.rise;
            let per_rise = -self.span / self.rise;
            self.add_network(&mut gradient.raw, t, of_gamma * per_rise, of_slope * per_rise);
        }
        self.add_network(&mut gradient.raw, 1.0, of_rise, 0.0);
        gradient.raw_span = of_span * sigmoid(self.raw_span);
        // Through softplus, whose derivative is the logistic function.
        for (of_unit, raw) in gradient.raw.iter_mut().zip(&self.raw) {
            of_unit[0] *= sigmoid(raw[0]);
            of_unit[2] *= sigmoid(raw[2]);
        }
        gradient
    }

    /// Adds the gradients of (w, b, v) of every unit from those of γ̃(t) − γ̃(0) and γ̃'(t).
    fn add_network(&self, gradient: &mut [[f64; 3]], t: f64, of_value: f64, of_slope: f64) {
        for (gradient, unit) in gradient.iter_mut().zip(&self.units) {
            let Unit { w, b, v } = *unit;
            let (s, rest) = (sigmoid(w * t + b), sigmoid(-(w * t + b)));
            let first = s * rest;
            let second = first * (rest - s);
            let step = unit.step(t);
            gradient[0] += of_value * v * first * t + of_slope * v * (first + w * second * t);
            // σ'(x) − σ'(b) = (σ(x) − σ(b))·(1 − σ(x) − σ(b))
            gradient[1] += of_value * v * step * (rest - sigmoid(b)) + of_slope * v * w * second;
            gradient[2] += of_value * step + of_slope * w * first;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nopropdt_tensor::random::Stream;
    use proptest::prelude::*;

    fn fresh() -> (Gamma, Parameters) {
        let mut builder = ParameterBuilder::new(Stream::new(1));
        let gamma = Gamma::new(&mut builder);
        (gamma, builder.build())
    }

    fn with_values(seed: u64, spread: f32) -> (Gamma, Parameters) {
        let (gamma, mut parameters) = fresh();
        Stream::new(seed).fill_normal(parameters.values_mut());
        parameters.values_mut().iter_mut().for_each(|v| *v *= spread);
        (gamma, parameters)
    }

    #[test]
    fn it_starts_from_noise_and_ends_near_the_label() {
        let (gamma, parameters) = fresh();
        let curve = gamma.curve(&parameters);
        approx::assert_relative_eq!(curve.at(0.0).alpha_bar(), sigmoid(-5.0), max_relative = 1e-5);
        approx::assert_relative_eq!(curve.at(1.0).alpha_bar(), sigmoid(3.0), max_relative = 1e-6);
    }

    /// Units whose σ is 1 to the last digit, from t = 0 to 1, still say how γ falls: σ(x) − σ(b) is e^{−b} − e^{−x} there.
    #[test]
    fn saturated_units_keep_their_shape() {
        let (gamma, mut parameters) = fresh();
        let set = |parameters: &mut Parameters, id, value| {
            let range = parameters.range(id);
            parameters.values_mut()[range].fill(value);
        };
        let (w, share) = (2f64.ln(), |t: f64| (1.0 - (-2f64.ln() * t).exp()) / 0.5);
        for bias in [20.0f32, 45.0, 90.0] {
            set(&mut parameters, gamma.bias, bias);
            let curve = gamma.curve(&parameters);
            for t in [0.0, 0.25, 0.5, 1.0] {
                let level = curve.at(t);
                let expected = curve.gamma0 + curve.span * (1.0 - share(t));
                approx::assert_relative_eq!(level.gamma, expected, max_relative = 1e-7);
                let slope = -curve.span * w * (-w * t).exp() / 0.5;
                approx::assert_relative_eq!(level.slope, slope, max_relative = 1e-7);
            }
            let gradient = gamma.gradient(&parameters, &curve, &[(0.5, 1.0, 0.0)]);
            // With u = e^{−w}: ∂γ/∂w = −span·d/dw (1 − u^t)/(1 − u), spread evenly over the units; through softplus at 0, half.
            let (u, t) = (0.5f64, 0.5);
            let of_share = (t * u.powf(t) * (1.0 - u) - (1.0 - u.powf(t)) * u) / (1.0 - u).powi(2);
            let expected = -0.5 * curve.span * of_share / HIDDEN as f64;
            for &found in &gradient[parameters.range(gamma.inner)] {
                approx::assert_relative_eq!(f64::from(found), expected, max_relative = 1e-5);
            }
        }
    }

    #[test]
    fn what_is_left_for_noise_is_not_lost_beside_one() {
        for gamma in [-3.0, -30.0, -45.0, -700.0] {
            let noise = Level { gamma, slope: -1.0 }.noise();
            approx::assert_relative_eq!(
                noise,
                f64::exp(gamma) / (1.0 + f64::exp(gamma)),
                max_relative = 1e-14
            );
            assert!(noise > 0.0);
        }
    }

    /// A number with its derivative: automatic differentiation of the formula, in its plainest form.
    #[derive(Clone, Copy)]
    struct Dual(f64, f64);

    impl Dual {
        fn sigmoid(self) -> Self {
            let s = sigmoid(self.0);
            Self(s, s * (1.0 - s) * self.1)
        }

        fn exp(self) -> Self {
            Self(self.0.exp(), self.0.exp() * self.1)
        }

        fn linear(self, factor: f64, offset: f64) -> Self {
            Self(factor * self.0 + offset, factor * self.1)
        }
    }

    proptest! {
        #[test]
        fn gamma_falls_and_stays_between_its_ends(seed in 0u64..500, spread in 0.1f32..4.0) {
            let (gamma, parameters) = with_values(seed, spread);
            let curve = gamma.curve(&parameters);
            let levels: Vec<Level> = (0..=50).map(|i| curve.at(f64::from(i) / 50.0)).collect();
            for pair in levels.windows(2) {
                prop_assert!(pair[1].gamma < pair[0].gamma, "{pair:?}");
            }
            prop_assert!(levels.iter().all(|level| level.slope < 0.0 && level.snr_slope() > 0.0));
            prop_assert!((levels[50].gamma - curve.gamma0).abs() < 1e-9);
            prop_assert!((levels[0].gamma - curve.gamma0 - curve.span).abs() < 1e-9);
        }

        /// SNR = ᾱ/(1 − ᾱ) = e^{−γ}, differentiated with dual numbers through the whole formula.
        #[test]
        fn the_slope_of_snr_is_that_of_automatic_differentiation(seed in 0u64..500, t in 0.0f64..1.0) {
            let (gamma, parameters) = with_values(seed, 1.0);
            let curve = gamma.curve(&parameters);
            let network = |t: Dual| {
                curve.units.iter().fold(Dual(0.0, 0.0), |sum, unit| {
                    let s = t.linear(unit.w, unit.b).sigmoid().linear(unit.v, 0.0);
                    Dual(sum.0 + s.0, sum.1 + s.1)
                })
            };
            let (start, end) = (network(Dual(0.0, 0.0)).0, network(Dual(1.0, 0.0)).0);
            let share = network(Dual(t, 1.0)).linear(1.0 / (end - start), -start / (end - start));
            let value = share.linear(-curve.span, curve.gamma0 + curve.span);
            let snr = value.linear(-1.0, 0.0).exp();
            let level = curve.at(t);
            prop_assert!((level.gamma - value.0).abs() <= 1e-9 * value.0.abs().max(1.0));
            prop_assert!((level.snr_slope() - snr.1).abs() <= 1e-9 * snr.1.abs().max(1e-9));
        }
    }

    /// Gradients of Σ p·γ(t) + q·γ'(t) against central differences in f64.
    #[test]
    fn gradients_are_those_of_finite_differences() {
        let upstream = [(0.1, 0.7, -0.2), (0.55, -1.1, 0.4), (1.0, 0.3, 0.9), (0.0, 0.2, -0.5)];
        for seed in 0..5 {
            let (gamma, parameters) = with_values(seed, 1.0);
            let found = gamma.gradient(&parameters, &gamma.curve(&parameters), &upstream);
            let value = |parameters: &Parameters| {
                let curve = gamma.curve(parameters);
                let at = |&(t, p, q): &(f64, f64, f64)| p * curve.at(t).gamma + q * curve.at(t).slope;
                upstream.iter().map(at).sum::<f64>()
            };
            let error = nopropdt_tensor::gradient_check::parameter_error(&parameters, &found, 1e-3, value);
            assert!(error < 1e-4, "seed {seed}: {error}");
        }
    }
}
