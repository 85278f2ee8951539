//! From a grid as written to its arms and cells: each named bundle of settings with each combination of what varies, each seed.

use super::arm::Arm;
use super::error::Mistake;
use super::name;
use super::terms::Terms;
use super::written::{Axis, Bundle, Written};
use crate::config::{Overrides, RunConfig, Value};
use crate::experiments::cell::Cell;
use crate::experiments::measure::Measure;
use crate::registry::Registry;
use crate::run::check_new;
use std::collections::HashSet;

/// More cells than anybody waits for: a slip of the finger.
const MOST_CELLS: usize = 10_000;
/// Draws measured when nobody says how many.
const RUNS: usize = 5;

/// Values of what varies, and the settings that they are.
type Combination = (Vec<(String, Value)>, Overrides);

pub(super) fn arms(written: Written, registry: &Registry) -> Result<Vec<Arm>, Mistake> {
    check_count(&written)?;
    refuse_said_twice(&written)?;
    let combinations = combinations(&written.vary);
    let bundles: Vec<Option<&Bundle>> = match &written.arms[..] {
        [] => vec![None],
        arms => arms.iter().map(Some).collect(),
    };
    let mut arms = Vec::new();
    for bundle in bundles {
        for combination in &combinations {
            arms.push(arm(&written, bundle, combination, registry)?);
        }
    }
    check_names(&arms)?;
    expect_work(&mut arms);
    compare(&mut arms, written.against)?;
    Ok(arms)
}

fn check_count(written: &Written) -> Result<(), Mistake> {
    let seeds = |terms: Terms| terms.over(&written.terms).seeds.map_or(1, |seeds| seeds.len());
    let each = written.arms.iter().map(|arm| seeds(arm.terms.clone())).sum::<usize>();
    let each = if written.arms.is_empty() { seeds(Terms::default()) } else { each };
    let count = written.vary.iter().try_fold(each, |count, axis| count.checked_mul(axis.values.len()));
    match count {
        Some(count) if count <= MOST_CELLS => Ok(()),
        _ => Err(Mistake {
            place: None,
            problem: format!("grid: must have at most {MOST_CELLS} cells; found more"),
        }),
    }
}

/// Neither an arm nor what varies goes over the other.
fn refuse_said_twice(written: &Written) -> Result<(), Mistake> {
    for Bundle { place, name, settings, .. } in &written.arms {
        if let Some(axis) = written.vary.iter().find(|axis| settings.get(&axis.setting).is_some()) {
            let problem =
                format!("arm {name:?}: {} must be in [vary] or in the arm; found it in both", axis.setting);
            return Err(Mistake::at(*place, problem));
        }
    }
    Ok(())
}

/// The cross product, the last setting fastest.
fn combinations(axes: &[Axis]) -> Vec<Combination> {
    let mut all = vec![Combination::default()];
    for Axis { setting, values, .. } in axes {
        let with = |(varied, settings): &Combination, (value, one): &(Value, Overrides)| {
            let mut varied = varied.clone();
            varied.push((setting.clone(), value.clone()));
            (varied, one.clone().over(settings.clone()))
        };
        all = all
            .iter()
            .flat_map(|before| values.iter().map(|value| with(before, value)).collect::<Vec<_>>())
            .collect();
    }
    all
}

fn arm(
    written: &Written,
    bundle: Option<&Bundle>,
    (varied, settings): &Combination,
    registry: &Registry,
) -> Result<Arm, Mistake> {
    let below = bundle
        .map_or_else(Overrides::default, |bundle| bundle.settings.clone())
        .over(written.settings.clone());
    let place = bundle.map(|bundle| bundle.place).or_else(|| written.vary.first().map(|axis| axis.place));
    let called = |config: &RunConfig| name::of_arm(bundle.map(|bundle| bundle.name.as_str()), varied, config);
    let resolved = settings.clone().over(below).resolve_in(registry, written.preset);
    let checked = resolved.and_then(|config| check_new(&config).map(|()| config));
    let config = checked.map_err(|error| {
        let values = varied.iter().map(|(setting, value)| format!("{setting} = {value}"));
        let name = bundle.map(|bundle| format!("{:?}", bundle.name));
        let which = name.into_iter().chain(values).collect::<Vec<_>>().join(", ");
        let which = if which.is_empty() { "settings".to_owned() } else { format!("arm {which}") };
        Mistake { place, problem: format!("{which}: {error}") }
    })?;
    let name = called(&config);
    if !written.test && config.data.dataset.known().is_some() && config.data.validation == 0 {
        let problem = format!("arm {name:?}: validation must be above 0 where test = false; found 0");
        return Err(Mistake { place, problem });
    }
    let terms = bundle.map_or_else(Terms::default, |bundle| bundle.terms.clone()).over(&written.terms);
    let (runs, averaged, steps) = (terms.runs.unwrap_or(RUNS), terms.averaged, terms.answer_steps);
    let measure = if written.test { Measure { runs, averaged, steps } } else { Measure::NONE };
    let Some(seeds) = terms.seeds else {
        return Err(Mistake {
            place: None,
            problem: "seeds: must be there, in the grid or in each arm".to_owned(),
        });
    };
    let cell = |seed: u64| {
        let mut config = config.without_place();
        config.training.seed = seed;
        Cell { name: format!("{name}-seed{seed}"), config, measure: measure.clone(), work: 1.0 }
    };
    Ok(Arm {
        cells: seeds.into_iter().map(cell).collect(),
        bundle: bundle.map(|bundle| bundle.name.clone()),
        varied: varied.clone(),
        images: config.data.dataset.place().map(Into::into),
        at_least: terms.at_least,
        seconds: terms.seconds,
        against: None,
        name,
    })
}

fn check_names(arms: &[Arm]) -> Result<(), Mistake> {
    let mut names = HashSet::new();
    for cell in arms.iter().flat_map(|arm| &arm.cells) {
        let problem = if cell.name.len() > name::LONGEST {
            format!("must have at most {} letters; take a shorter name, or vary less", name::LONGEST)
        } else if !names.insert(cell.name.to_lowercase()) {
            // Some systems make no difference between capitals and small letters.
            "must be the name of one cell; found two, so tell them apart by the names of arms".to_owned()
        } else {
            continue;
        };
        return Err(Mistake { place: None, problem: format!("cell {:?}: {problem}", cell.name) });
    }
    Ok(())
}

/// Expected work: seconds where every arm has some, else epochs.
fn expect_work(arms: &mut [Arm]) {
    let has_seconds = arms.iter().all(|arm| arm.seconds.is_some());
    for arm in arms {
        let seconds = arm.seconds.filter(|_| has_seconds);
        for cell in &mut arm.cells {
            cell.work = seconds.unwrap_or(cell.config.training.epochs as f64);
        }
    }
}

/// Finds what each arm is compared with: of its dataset, the arm of that name, or of the `[[arm]]` of that name the one with the same
/// values of what varies; where there is none, the first arm.
fn compare(arms: &mut [Arm], against: Option<(usize, String)>) -> Result<(), Mistake> {
    if let Some((place, wanted)) = &against
        && !arms.iter().any(|arm| is_called(arm, wanted))
    {
        let names: Vec<&str> = arms.iter().take(5).map(|arm| arm.name.as_str()).collect();
        let problem =
            format!("against: must be the name of an arm, as {}; found {wanted:?}", names.join(", "));
        return Err(Mistake::at(*place, problem));
    }
    let wanted = against.as_ref().map(|(_, name)| name.as_str());
    let found: Vec<Option<usize>> = (0..arms.len()).map(|index| reference(arms, index, wanted)).collect();
    arms.iter_mut().zip(found).for_each(|(arm, found)| arm.against = found);
    Ok(())
}

fn is_called(arm: &Arm, name: &str) -> bool {
    arm.name == name || arm.bundle() == Some(name)
}

fn reference(arms: &[Arm], index: usize, wanted: Option<&str>) -> Option<usize> {
    let arm = &arms[index];
    let same_data: Vec<usize> = (0..arms.len())
        .filter(|&other| arms[other].config().data.dataset == arm.config().data.dataset)
        .collect();
    let of = |holds: &dyn Fn(&Arm) -> bool| same_data.iter().copied().find(|&other| holds(&arms[other]));
    let named = wanted.and_then(|name| {
        of(&|other| other.name == name)
            .or_else(|| of(&|other| other.bundle() == Some(name) && other.varied == arm.varied))
    });
    named.or_else(|| same_data.first().copied()).filter(|&found| found != index)
}
