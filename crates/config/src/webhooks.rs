//! `[webhooks]`: who is told of what ends, and where webhooks may go.

use offpeak_core::ports::Telling;

use crate::document::Document;
use crate::place::{Place, Surroundings};
use crate::problem::Problems;
use crate::value;

/// Who is told of what ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Webhooks {
    /// Who is told: of webhooks, on one machine, every tenant that wants to be; in a deployment, if `OFFPEAK_WEBHOOKS` is
    /// `true`. Of the bus, if `OFFPEAK_EVENT_BUS` names one.
    pub telling: Telling,
    /// `allow_private`: whether webhooks may go to private addresses, and by plain HTTP. Default `false`; `true` only for
    /// tests on one machine.
    pub allow_private: bool,
}

impl Webhooks {
    pub(crate) fn read(document: &mut Document<'_>, around: Surroundings<'_>, problems: &mut Problems) -> Self {
        let mut section = document.table("webhooks", problems);
        let allow_private = section.flag("allow_private", problems).is_some_and(|given| given.value);
        section.finish(problems);
        let asked =
            problems.read(around.flags.webhooks(), |text| value::word(text, &[("true", true), ("false", false)]));
        let webhooks = around.place == Place::Machine || asked.is_some_and(|given| given.value);
        let bus = around.place == Place::Lambda && around.flags.event_bus.is_some();
        Self { telling: Telling { webhooks, bus }, allow_private }
    }
}
