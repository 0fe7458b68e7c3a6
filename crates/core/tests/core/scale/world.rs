//! A simulated pool: chunks, instances that boot, work, hang and are taken back, and a market that refuses.

use std::collections::{BTreeMap, VecDeque};

use offpeak_core::fleet::{
    Decision, Demand, Instance, InstanceState, Pool, Prices, Purchase, Scaling, Shortage, ends_itself, scale,
};

/// One step, and one look of the scaler.
pub(crate) const MINUTE_MS: u64 = 60_000;

/// How long an instance lives after notice, in minutes.
const NOTICE: u64 = 2;

/// What a worker that dies has done since its last checkpoint, milliseconds.
const LOST_MS: u64 = 30_000;

/// What comes from outside, by minute.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) minutes: u64,
    /// Tokens of each new chunk.
    pub(crate) chunks: BTreeMap<u64, Vec<u64>>,
    /// Spot instances that are given notice, the oldest first.
    pub(crate) notices: BTreeMap<u64, usize>,
    /// Instances that hang from then on, the youngest first.
    pub(crate) hangs: BTreeMap<u64, usize>,
    /// Spot instances that can be had: any number where nothing is said.
    pub(crate) spot: BTreeMap<u64, u32>,
    /// On-demand instances that can be had.
    pub(crate) on_demand: BTreeMap<u64, u32>,
}

/// An instance from inside.
#[derive(Debug)]
struct Machine {
    seen: Instance,
    chunk: Option<u64>,
    idle_ms: u64,
    leaves_at: Option<u64>,
    hung_at: Option<u64>,
}

/// What one minute came to: counts are those that the scaler saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Minute {
    pub(crate) number: u64,
    pub(crate) arrived: u64,
    pub(crate) outstanding: u64,
    pub(crate) spot: usize,
    pub(crate) on_demand: usize,
    pub(crate) starting: usize,
    pub(crate) idle: usize,
    pub(crate) leaving: usize,
    pub(crate) hung: usize,
    pub(crate) decision: Decision,
    pub(crate) started: BTreeMap<Purchase, u32>,
    pub(crate) refused: u32,
    pub(crate) ended_idle: usize,
    /// Given notice, hung, or gone after either.
    pub(crate) lost: usize,
}

impl Minute {
    pub(crate) const fn instances(&self) -> usize {
        self.spot + self.on_demand
    }

    pub(crate) fn starts(&self) -> u32 {
        self.started.values().sum()
    }
}

/// A pool for one model.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scaling: Scaling,
    pub(crate) tokens_per_second: u32,
    prices: Prices,
    queue: VecDeque<u64>,
    machines: Vec<Machine>,
    shortage: Option<Shortage>,
    names: u32,
    /// Of instances that are gone.
    pub(crate) ran_ms: BTreeMap<Purchase, u64>,
    pub(crate) cost_micros: u64,
    pub(crate) arrived: u64,
}

impl World {
    pub(crate) fn new(scaling: Scaling, tokens_per_second: u32) -> Self {
        Self {
            scaling,
            tokens_per_second,
            prices: Prices::default(),
            queue: VecDeque::new(),
            machines: Vec::new(),
            shortage: None,
            names: 0,
            ran_ms: BTreeMap::new(),
            cost_micros: 0,
            arrived: 0,
        }
    }

    /// All minutes of a script; whoever is left at the end is paid up to then.
    pub(crate) fn run(&mut self, script: &Script) -> Vec<Minute> {
        let minutes = (0..script.minutes).map(|number| self.minute(number, script)).collect();
        for machine in std::mem::take(&mut self.machines) {
            self.pay(&machine, script.minutes * MINUTE_MS);
        }
        minutes
    }

    fn minute(&mut self, number: u64, script: &Script) -> Minute {
        let now_ms = number * MINUTE_MS;
        let new = script.chunks.get(&number).map_or(&[][..], Vec::as_slice);
        let arrived = new.iter().sum();
        self.arrived += arrived;
        self.queue.extend(new);
        let mut lost = self.take_back(number, script);
        self.come_up(now_ms);

        let pool = self.pool();
        let decision = scale(&pool, now_ms, &self.scaling);
        let count = |which: &dyn Fn(&Instance) -> bool| pool.instances.iter().filter(|seen| which(seen)).count();
        let hung = self.machines.iter().filter(|machine| machine.hung_at.is_some()).count();
        lost += self.terminate(&decision, now_ms);
        let started = self.start(&decision, number, script);
        let refused = decision.start - started.values().sum::<u32>();
        self.work(now_ms);
        Minute {
            number,
            arrived,
            outstanding: pool.demand[0].tokens,
            spot: count(&|seen| seen.purchase == Purchase::Spot),
            on_demand: count(&|seen| seen.purchase == Purchase::OnDemand),
            starting: count(&|seen| seen.state == InstanceState::Starting),
            idle: count(&|seen| seen.state == InstanceState::Idle),
            leaving: count(&|seen| seen.state == InstanceState::Leaving),
            hung,
            decision,
            started,
            refused,
            ended_idle: self.end_idle(now_ms + MINUTE_MS),
            lost,
        }
    }

    /// Notice is given, its time is over, agents hang, leases end.
    fn take_back(&mut self, number: u64, script: &Script) -> usize {
        let mut lost = 0;
        let spot = self.machines.iter_mut().filter(|machine| {
            machine.seen.purchase == Purchase::Spot && machine.leaves_at.is_none() && machine.hung_at.is_none()
        });
        for machine in spot.take(script.notices.get(&number).copied().unwrap_or(0)) {
            machine.seen.state = InstanceState::Leaving;
            machine.leaves_at = Some(number + NOTICE);
            lost += 1;
        }
        let alive = self.machines.iter_mut().rev();
        let alive = alive.filter(|machine| machine.leaves_at.is_none() && machine.hung_at.is_none());
        for machine in alive.take(script.hangs.get(&number).copied().unwrap_or(0)) {
            machine.hung_at = Some(number);
            lost += 1;
        }
        for index in (0..self.machines.len()).rev() {
            if self.machines[index].leaves_at == Some(number) {
                let gone = self.machines.remove(index);
                self.give_back(gone.chunk);
                self.pay(&gone, number * MINUTE_MS);
                lost += 1;
            } else if self.machines[index].hung_at.is_some_and(|since| since < number) {
                let chunk = self.machines[index].chunk.take();
                self.give_back(chunk);
            }
        }
        lost
    }

    /// A chunk is for somebody else, with what was done since the last checkpoint.
    fn give_back(&mut self, chunk: Option<u64>) {
        if let Some(left) = chunk {
            self.queue.push_front(left + LOST_MS * u64::from(self.tokens_per_second) / 1_000);
        }
    }

    fn come_up(&mut self, now_ms: u64) {
        for machine in self.machines.iter_mut().filter(|machine| machine.hung_at.is_none()) {
            if machine.seen.state == InstanceState::Starting && now_ms >= machine.seen.started_ms + self.scaling.boot_ms
            {
                (machine.seen.state, machine.seen.heard_ms) = (InstanceState::Idle, now_ms);
            }
        }
    }

    fn pool(&self) -> Pool {
        let held: u64 = self.machines.iter().filter_map(|machine| machine.chunk).sum();
        let tokens = self.queue.iter().sum::<u64>() + held;
        let demand = Demand { model: "m".to_owned(), tokens, tokens_per_second: self.tokens_per_second };
        let instances = self.machines.iter().map(|machine| machine.seen.clone()).collect();
        Pool { demand: vec![demand], instances, shortage: self.shortage }
    }

    fn terminate(&mut self, decision: &Decision, now_ms: u64) -> usize {
        let (gone, stay): (Vec<_>, Vec<_>) =
            self.machines.drain(..).partition(|machine| decision.terminate.contains(&machine.seen.name));
        self.machines = stay;
        for machine in &gone {
            self.pay(machine, now_ms);
        }
        gone.len()
    }

    /// Does what was decided, as far as the market lets it.
    fn start(&mut self, decision: &Decision, number: u64, script: &Script) -> BTreeMap<Purchase, u32> {
        let mut started = BTreeMap::new();
        if decision.start == 0 {
            return started;
        }
        let spot = decision.start.min(script.spot.get(&number).copied().unwrap_or(u32::MAX));
        self.shortage = Shortage::after(self.shortage, spot < decision.start, number * MINUTE_MS);
        let rest = if decision.fall_back { decision.start - spot } else { 0 };
        let on_demand = rest.min(script.on_demand.get(&number).copied().unwrap_or(u32::MAX));
        for (purchase, count) in [(Purchase::Spot, spot), (Purchase::OnDemand, on_demand)] {
            for _ in 0..count {
                self.names += 1;
                self.machines.push(Machine::new(self.names, purchase, number * MINUTE_MS));
                *started.entry(purchase).or_insert(0) += 1;
            }
        }
        started
    }

    /// A minute of work of all that are up.
    fn work(&mut self, now_ms: u64) {
        for machine in self.machines.iter_mut().filter(|machine| machine.is_up()) {
            let budget = u64::from(self.tokens_per_second) * MINUTE_MS / 1_000;
            let mut left = budget;
            while left > 0 {
                let next = || if machine.leaves_at.is_some() { None } else { self.queue.pop_front() };
                let Some(chunk) = machine.chunk.take().or_else(next) else { break };
                let done = chunk.min(left);
                left -= done;
                machine.chunk = (chunk > done).then_some(chunk - done);
            }
            let idle_ms = left * MINUTE_MS / budget;
            machine.idle_ms = if left == budget { machine.idle_ms + idle_ms } else { idle_ms };
            machine.seen.heard_ms = now_ms + MINUTE_MS;
            if machine.leaves_at.is_none() {
                let idle = machine.chunk.is_none();
                machine.seen.state = if idle { InstanceState::Idle } else { InstanceState::Working };
            }
        }
    }

    /// Who has been idle for long enough ends itself, and the group keeps the floor.
    fn end_idle(&mut self, now_ms: u64) -> usize {
        let mut ended = 0;
        for index in (0..self.machines.len()).rev() {
            let machine = &self.machines[index];
            let may = machine.is_up() && machine.leaves_at.is_none() && machine.chunk.is_none();
            let above_floor = self.machines.len() > self.scaling.floor as usize;
            if may && above_floor && ends_itself(machine.idle_ms, !self.queue.is_empty(), &self.scaling) {
                let gone = self.machines.remove(index);
                self.pay(&gone, now_ms);
                ended += 1;
            }
        }
        ended
    }

    fn pay(&mut self, machine: &Machine, now_ms: u64) {
        let ran_ms = now_ms - machine.seen.started_ms;
        *self.ran_ms.entry(machine.seen.purchase).or_insert(0) += ran_ms;
        self.cost_micros += self.prices.cost_micros(machine.seen.purchase, ran_ms);
    }
}

impl Machine {
    fn new(number: u32, purchase: Purchase, now_ms: u64) -> Self {
        let seen = Instance {
            name: format!("i-{number}"),
            purchase,
            state: InstanceState::Starting,
            started_ms: now_ms,
            heard_ms: now_ms,
        };
        Self { seen, chunk: None, idle_ms: 0, leaves_at: None, hung_at: None }
    }

    /// Whether it can work. Who leaves goes on with what it has, if it was up.
    const fn is_up(&self) -> bool {
        !matches!(self.seen.state, InstanceState::Starting) && self.hung_at.is_none()
    }
}
