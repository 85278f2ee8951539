//! Which kernels run: what this machine has, and the choice of the user.

use crate::batch_norm::BatchNorms;
use crate::conv3x3::Groups;
use crate::gemm::Products;
use crate::isa::{ISA_VARIABLE, Isa, IsaError};
use crate::portable::Portable;
use crate::simd::{self, Simd};
use std::sync::OnceLock;

/// The kernels of an instruction set, family by family. They trust the fronts to have checked every length: with others they panic or
/// give wrong numbers. `unsafe` code trusts neither: it checks once more what its loads and stores reach.
pub trait Kernels: BatchNorms + Groups + Products + Send + Sync {
    /// The instruction set.
    fn isa(&self) -> Isa;
}

impl Kernels for Portable {
    fn isa(&self) -> Isa {
        Isa::Portable
    }
}

impl<S: Simd> Kernels for S {
    fn isa(&self) -> Isa {
        S::ISA
    }
}

impl Isa {
    /// The instruction set kernels run with: the one [`ISA_VARIABLE`] asks for, else the best this machine has. The
    /// variable is read once. Of a set that is asked for no other is looked for: AMX tiles, for one, are found by using them.
    ///
    /// # Errors
    /// When the variable holds no name from the list, or that of an instruction set this machine has not got.
    pub fn selected() -> Result<Self, IsaError> {
        selected().map(Kernels::isa)
    }

    /// The instruction set of the kernels in use; see [`active`].
    pub fn active() -> Self {
        active().isa()
    }

    /// This instruction set's kernels. It is looked for when it is first asked for.
    ///
    /// # Errors
    /// [`IsaError::Missing`] when this machine has not got it.
    pub fn kernels(self) -> Result<&'static dyn Kernels, IsaError> {
        let missing = || IsaError::Missing { asked: self, available: available_sets() };
        found(self).ok_or_else(missing)
    }
}

/// What was found of each instruction set, in the order of [`Isa::ALL`]; empty where nobody has asked yet.
static DETECTED: [OnceLock<Option<Box<dyn Kernels>>>; Isa::ALL.len()] =
    [const { OnceLock::new() }; Isa::ALL.len()];

/// The kernels of an instruction set, if this machine has it.
fn found(isa: Isa) -> Option<&'static dyn Kernels> {
    DETECTED[isa as usize].get_or_init(|| detect(isa)).as_deref().map(|kernels| kernels as &dyn Kernels)
}

/// The kernels this machine can run, slowest first: what tests and benchmarks walk.
pub fn available() -> impl Iterator<Item = &'static dyn Kernels> {
    Isa::ALL.into_iter().filter_map(found)
}

fn available_sets() -> Vec<Isa> {
    available().map(Kernels::isa).collect()
}

/// The kernels in use: those of [`Isa::selected`]; where [`ISA_VARIABLE`] asks for what can't be had, the best this machine has.
/// Programs call [`Isa::selected`] first and tell their user.
pub fn active() -> &'static dyn Kernels {
    selected().unwrap_or_else(|_| best())
}

/// The best kernels this machine has.
fn best() -> &'static dyn Kernels {
    static BEST: OnceLock<Isa> = OnceLock::new();
    let isa = *BEST.get_or_init(|| choose(None, |isa| found(isa).is_some()).unwrap_or(Isa::Portable));
    found(isa).unwrap_or(&Portable)
}

fn selected() -> Result<&'static dyn Kernels, IsaError> {
    static SELECTED: OnceLock<Result<Isa, IsaError>> = OnceLock::new();
    let asked = || std::env::var_os(ISA_VARIABLE).map(|name| name.to_string_lossy().into_owned());
    let isa = SELECTED.get_or_init(|| choose(asked().as_deref(), |isa| found(isa).is_some()));
    isa.clone().and_then(Isa::kernels)
}

/// The instruction set that is asked for, if there is one of that name; else the fastest that `has` finds. Of the former, and of those
/// slower than the latter, nothing is looked for.
fn choose(asked: Option<&str>, has: impl Fn(Isa) -> bool) -> Result<Isa, IsaError> {
    match asked {
        Some(name) => name.parse(),
        None => Ok(Isa::ALL.into_iter().rev().find(|&isa| has(isa)).unwrap_or(Isa::Portable)),
    }
}

/// Looks for an instruction set on this processor. A further one is a further line. Nothing is run of another one than what the set itself
/// is built on.
fn detect(isa: Isa) -> Option<Box<dyn Kernels>> {
    #[cfg(target_arch = "x86_64")]
    fn boxed<S: Simd>(token: Option<S>) -> Option<Box<dyn Kernels>> {
        token.map(|token| Box::new(token) as Box<dyn Kernels>)
    }
    match isa {
        Isa::Portable => Some(Box::new(Portable)),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => boxed(simd::Avx2::detect()),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => boxed(simd::Avx512::detect()),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Bf16 => boxed(simd::Avx512Bf16::detect()),
        #[cfg(target_arch = "x86_64")]
        Isa::Amx => boxed(simd::Amx::detect()),
        #[cfg(not(target_arch = "x86_64"))]
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::{Gemm, Operand};
    use crate::precision::Precision;

    #[test]
    fn every_machine_has_the_portable_kernels_and_one_of_each() {
        let found = available_sets();
        assert_eq!(found[0], Isa::Portable);
        assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
        found.into_iter().for_each(|isa| assert_eq!(isa.kernels().unwrap().isa(), isa));
    }

    #[test]
    fn a_set_that_is_asked_for_is_taken_unseen_and_else_the_fastest_there_is() {
        for isa in Isa::ALL {
            let name = isa.to_string();
            assert_eq!(Isa::ALL[isa as usize], isa);
            assert_eq!(choose(Some(&name), |isa| panic!("looked for {isa}")), Ok(isa));
            let seen = std::cell::RefCell::new(Vec::new());
            let has = |candidate| {
                seen.borrow_mut().push(candidate);
                candidate <= isa
            };
            assert_eq!(choose(None, has), Ok(isa));
            assert_eq!(
                seen.into_inner(),
                Isa::ALL.into_iter().rev().take_while(|&c| c >= isa).collect::<Vec<_>>()
            );
        }
        assert!(matches!(choose(Some("avx9"), |_| true), Err(IsaError::Unknown { .. })));
    }

    /// Set for the process that [`alone`] is the only test of.
    const ALONE: &str = "NOPROPDT_TEST_ALONE";

    /// What can't be had is an error for the program; a library that is used without one goes on with the best there is.
    #[test]
    fn a_wrong_name_is_an_error_and_no_panic() {
        let this = std::env::current_exe().expect("a test knows its program");
        let output = std::process::Command::new(this)
            .args(["--exact", "dispatch::tests::alone", "--nocapture"])
            .env(ISA_VARIABLE, "avx9")
            .env(ALONE, "yes")
            .output()
            .expect("a test can start its program again");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{told}");
        let best = available_sets().into_iter().max();
        assert!(
            told.contains(&format!("selected false, active {:?}", best.expect("portable at least"))),
            "{told}"
        );
    }

    /// A process that is asked for one instruction set has looked for no other when it has run kernels.
    #[test]
    fn a_forced_set_looks_for_no_other() {
        for isa in available_sets() {
            let this = std::env::current_exe().expect("a test knows its program");
            let output = std::process::Command::new(this)
                .args(["--exact", "dispatch::tests::alone", "--nocapture"])
                .env(ISA_VARIABLE, isa.to_string())
                .env(ALONE, "yes")
                .output()
                .expect("a test can start its program again");
            let told = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{told}");
            assert!(told.contains(&format!("looked for [{isa:?}]")), "{isa}: {told}");
        }
    }

    /// What [`a_forced_set_looks_for_no_other`] starts; among other tests it has nothing to see.
    #[test]
    fn alone() {
        if std::env::var_os(ALONE).is_none() {
            return;
        }
        let (a, b) = (Operand::plain(&[1.0; 6]), Operand::plain(&[2.0; 12]));
        let mut c = [0.0; 8];
        Gemm { m: 2, n: 4, k: 3, a, b, accumulate: false, precision: Precision::F32 }.run(active(), &mut c);
        assert_eq!(c, [6.0; 8]);
        let looked_for: Vec<Isa> =
            Isa::ALL.into_iter().filter(|&isa| DETECTED[isa as usize].get().is_some()).collect();
        println!("looked for {looked_for:?}");
        println!("selected {}, active {:?}", Isa::selected().is_ok(), Isa::active());
    }

    /// What continuous integration asks for is what its tests run on.
    #[test]
    fn the_variable_is_obeyed() {
        match std::env::var(ISA_VARIABLE) {
            Ok(name) => assert_eq!(active().isa().to_string(), name),
            Err(_) => assert_eq!(Some(active().isa()), available_sets().into_iter().max()),
        }
    }
}
