//! How many calls an engine takes at once: as many as it says, or as many as it turns out to.

/// The calls that may run at once. Rises by one for each round of calls that went well, falls by a third for one that
/// did not: at most once for those that were under way together.
#[derive(Debug, Clone)]
pub struct Pace {
    limit: f64,
    most: f64,
    /// Calls begun so far.
    begun: u64,
    /// Calls begun when it fell last: whatever was under way then has nothing new to say.
    fell_at: u64,
}

impl Pace {
    /// Begins with `first` calls at once, and never has more than `most`.
    pub fn new(first: u32, most: u32) -> Self {
        let most = f64::from(most.max(1));
        Self { limit: f64::from(first.max(1)).min(most), most, begun: 0, fell_at: 0 }
    }

    /// How many calls may run now.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 1 and a u32")]
    pub fn limit(&self) -> usize {
        self.limit.floor() as usize
    }

    /// A call begins; its number is to be given back with what became of it.
    pub fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// A call was answered in time.
    pub fn went_well(&mut self) {
        self.limit = (self.limit + 1.0 / self.limit).min(self.most);
    }

    /// The engine had too much to do: it said so, or did not answer in time.
    pub fn was_too_much(&mut self, call: u64) {
        if call > self.fell_at {
            self.limit = (self.limit * 2.0 / 3.0).max(1.0);
            self.fell_at = self.begun;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An engine that refuses what is beyond `room`, in rounds.
    fn settled(first: u32, most: u32, room: usize) -> (usize, usize) {
        let mut pace = Pace::new(first, most);
        let mut seen = Vec::new();
        for _ in 0..400 {
            let calls: Vec<u64> = (0..pace.limit()).map(|_| pace.begin()).collect();
            for (number, call) in calls.iter().enumerate() {
                if number < room { pace.went_well() } else { pace.was_too_much(*call) }
            }
            seen.push(pace.limit());
        }
        let late = &seen[200..];
        (*late.iter().min().unwrap(), *late.iter().max().unwrap())
    }

    #[test]
    fn it_finds_what_an_engine_takes_and_stays_near() {
        for (first, room) in [(8, 64), (256, 64), (8, 1), (1, 10)] {
            let (least, most) = settled(first, 512, room);
            assert!(least * 2 >= room && most <= room + 2, "{first} {room}: {least}..{most}");
        }
        assert_eq!(settled(8, 32, 1_000), (32, 32), "never more than it may");
    }

    #[test]
    fn calls_that_were_under_way_together_count_once() {
        let mut pace = Pace::new(90, 90);
        let calls: Vec<u64> = (0..90).map(|_| pace.begin()).collect();
        for call in calls {
            pace.was_too_much(call);
        }
        assert_eq!(pace.limit(), 60);
    }
}
