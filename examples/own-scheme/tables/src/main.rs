//! The lines of a scheme outside the registry in the tables of the `zonelist` command, and those of its faulty variants.

use std::{error::Error, fmt, hint::black_box, time::Duration, time::Instant};

use zonelist_bench::{
    schemes::{Markdown, Report},
    table::{count, table},
};
use zonelist_contenders::{
    consistency::Pressure,
    contender::{Baseline, Contender, Through},
};
use zonelist_core::{
    NodeId,
    publish::{Parts, SystemBarrier},
    table::Capacity,
    topology::Rules,
};
use zonelist_machines::{Builtin, MachineSource};
use zonelist_schemes::{Buildable, Visitor as _, evidence::Card, measure::median, workload::Toggle};

use broken::{FirstTwo, LockBit, TwoHalves};
use one_word::OneWord;

#[expect(unreachable_pub, reason = "the modules are those of the library of the scheme")]
mod broken;
#[expect(unreachable_pub, reason = "the module is that of the library of the scheme")]
mod one_word;

/// Makes schemes of the tables: one line for each scheme.
macro_rules! schemes {
    ($($scheme:ident),*) => {
        $(impl Buildable for $scheme {
            fn build(_: Capacity) -> Self {
                Self::default()
            }

            fn heap_bytes(_: Capacity) -> Option<usize> {
                Some(0)
            }
        })*

        /// The lines of all schemes.
        fn lines(toggle: &Toggle) -> Result<Vec<Lines>, Box<dyn Error>> {
            Ok(vec![$(Lines::of::<$scheme>(toggle)?),*])
        }
    };
}
schemes!(OneWord, TwoHalves, FirstTwo, LockBit);

/// What the tables say of one scheme.
struct Lines {
    card: Card,
    /// The time of a read of the first zone, as a multiple of a read that nothing protects.
    first_zone: f64,
    walks: Vec<String>,
}

impl Lines {
    fn of<S: Buildable>(toggle: &Toggle) -> Result<Self, Box<dyn Error>> {
        let mut pressure = Pressure { toggle, readers: 1, time: Duration::from_secs(1), tick: &mut |_| () };
        let tally = pressure.visit::<S, Parts<SystemBarrier>>()?.tally;
        let counts = [tally.walks, tally.missed, tally.repeated, tally.empty, tally.violations];
        let walks = [S::FACTS.scheme.to_owned(), S::FACTS.guarantee.to_string()];
        Ok(Self {
            card: Card::of_another::<S>(),
            first_zone: first_zone::<S>(toggle)?,
            walks: walks.into_iter().chain(counts.map(count)).collect(),
        })
    }
}

/// The median of the rounds' ratios.
fn first_zone<S: Buildable>(toggle: &Toggle) -> Result<f64, Box<dyn Error>> {
    let lists = toggle.versions[0].lists();
    let (mut raw, scheme) = (Baseline::new(lists), S::build(toggle.capacity()));
    let mut through = Through::<S, Parts<SystemBarrier>>::new(scheme, lists)?;
    let nodes: Vec<NodeId> = (0..1024).filter_map(|number| NodeId::new(number % 2)).collect();
    let time = |contender: &mut dyn Contender| {
        let begun = Instant::now();
        (0..64).for_each(|_| _ = black_box(contender.independent(&nodes)));
        begun.elapsed().as_secs_f64()
    };
    let rounds = (0..31).map(|_| time(&mut through) / time(&mut raw)).collect();
    Ok(median(rounds).unwrap_or(f64::NAN))
}

/// The tables.
struct Tables(Vec<Lines>);

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Markdown(Report(self.0.iter().map(|lines| lines.card.clone()).collect())))?;
        let mut costs = table(&["what a read costs", "first zone"]);
        costs.add_rows(self.0.iter().map(|it| [it.card.scheme.to_owned(), format!("{:.2}", it.first_zone)]));
        writeln!(f, "{costs}\n")?;
        let mut walks = table(&["what walks show", "guarantee", "walks", "missed", "repeated", "empty", "broken"]);
        walks.add_rows(self.0.iter().map(|it| &it.walks));
        writeln!(f, "{walks}")
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let machine = MachineSource::Builtin(&Builtin::ALL[0]).load()?.machine;
    print!("{}", Tables(lines(&Toggle::of(&machine, Rules::LINUX_6_1))?));
    Ok(())
}
