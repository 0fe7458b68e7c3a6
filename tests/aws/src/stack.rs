//! A deployed stack: what its template's names became.

use std::collections::BTreeMap;

use offpeak_tests::{Http, workspace};
use serde_json::{Value, json};

use crate::{Aws, xml};

/// A function of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Takes requests and hands answers out.
    FrontDoor,
    /// Drains a class.
    Packer,
    /// Advances and collects.
    Poller,
    /// Tells of what has ended; only there where somebody is told.
    Notifier,
    /// Makes live calls; only there where routes may be live.
    Live,
    /// Does what an operator asks for.
    Operator,
    /// Says how many instances there are to be; only where the stack starts some.
    Scaler,
}

impl Function {
    /// Those that start by the stack's whole configuration.
    pub const CONFIGURED: [Self; 6] =
        [Self::FrontDoor, Self::Packer, Self::Poller, Self::Notifier, Self::Live, Self::Operator];

    /// Its name in the template.
    pub fn logical(self) -> &'static str {
        match self {
            Self::FrontDoor => "FrontDoorFunction",
            Self::Packer => "PackerFunction",
            Self::Poller => "PollerFunction",
            Self::Notifier => "NotifierFunction",
            Self::Live => "LiveFunction",
            Self::Operator => "OperatorFunction",
            Self::Scaler => "ScalerFunction",
        }
    }
}

/// A stack as it was deployed.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// What it tells its users.
    pub outputs: BTreeMap<String, String>,
    resources: BTreeMap<String, String>,
    emulator: String,
}

impl Stack {
    /// Looks at a stack that has been deployed.
    pub async fn look(aws: &Aws, name: &str) -> Self {
        let ask = async |action: &str| {
            let fields = format!("Action={action}&StackName={name}");
            aws.query("cloudformation", "2010-05-15", &fields).await
        };
        let told = ask("DescribeStacks").await;
        let pair = |member: &str, key: &str, value: &str| {
            (xml::plain(xml::text(member, key)), xml::plain(xml::text(member, value)))
        };
        let told = xml::texts(&told, "Outputs").first().map_or("", |outputs| *outputs).to_owned();
        let outputs =
            xml::texts(&told, "member").iter().map(|member| pair(member, "OutputKey", "OutputValue")).collect();
        let made = ask("DescribeStackResources").await;
        let members = made.split("<member>").skip(1);
        let resources = members.map(|member| pair(member, "LogicalResourceId", "PhysicalResourceId")).collect();
        Self { name: name.to_owned(), outputs, resources, emulator: aws.url().to_owned() }
    }

    /// What a resource of the template became.
    pub fn physical(&self, logical: &str) -> &str {
        self.resources.get(logical).unwrap_or_else(|| panic!("no {logical} among {:?}", self.resources.keys()))
    }

    /// The functions that there are.
    pub fn functions(&self) -> impl Iterator<Item = Function> {
        let all = Function::CONFIGURED.into_iter().chain([Function::Scaler]);
        all.filter(|function| self.resources.contains_key(function.logical()))
    }

    /// The name of a function.
    pub fn function(&self, function: Function) -> &str {
        self.physical(function.logical())
    }

    /// Callers of its API, without a key.
    pub fn http(&self) -> Http {
        Http::to(self.address())
    }

    /// What an SDK takes as its base URL. The name in the output `Url` is known to AWS only.
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.address())
    }

    /// Where the emulator has what the output `Url` names.
    fn address(&self) -> String {
        let url = &self.outputs["Url"];
        let host = url.split_once("://").and_then(|(_, host)| host.split_once('.'));
        let (id, domain) = host.unwrap_or_else(|| panic!("no address: {url}"));
        if domain.starts_with("lambda-url.") {
            format!("{}/_aws/lambda-url/{id}", self.emulator)
        } else {
            format!("{}/_aws/execute-api/{id}/$default", self.emulator)
        }
    }

    /// An event of the folder `events/`, by its file's stem.
    pub fn event(&self, name: &str) -> Value {
        let path = workspace().join(format!("events/{name}.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The memory of a function.
    pub async fn memory_mb(&self, aws: &Aws, function: Function) -> u64 {
        let path = format!("/2015-03-31/functions/{}/configuration", self.function(function));
        aws.get("lambda", &path).await.json()["MemorySize"].as_u64().expect("a size")
    }

    /// The schedules: their names, whom they invoke, and how often in a day.
    pub async fn schedules(&self, aws: &Aws) -> Vec<(String, Function, u64)> {
        let listed = aws.get("scheduler", "/schedules").await.json();
        let mut found = Vec::new();
        for schedule in listed["Schedules"].as_array().expect("schedules") {
            let name = schedule["Name"].as_str().expect("a name");
            if !name.starts_with(&self.name) {
                continue;
            }
            let told = aws.get("scheduler", &format!("/schedules/{name}")).await.json();
            let target = told["Target"]["Arn"].as_str().expect("a target");
            let invoked = self.functions().find(|function| target.ends_with(self.function(*function)));
            let runs = runs_a_day(told["ScheduleExpression"].as_str().expect("an expression"));
            found.push((name.to_owned(), invoked.unwrap_or_else(|| panic!("{target} is no function")), runs));
        }
        assert!(!found.is_empty(), "no schedules: {listed}");
        found
    }

    /// Has a schedule tick or rest, as docs/operations.md does that; says whether it ticked before.
    pub async fn set_ticking(&self, aws: &Aws, logical: &str, ticking: bool) -> bool {
        let path = format!("/schedules/{}", self.physical(logical));
        let mut schedule = aws.get("scheduler", &path).await.json();
        let before = schedule["State"] == "ENABLED";
        schedule["State"] = json!(if ticking { "ENABLED" } else { "DISABLED" });
        aws.put("scheduler", &path, &schedule).await;
        before
    }

    /// How many alarms there are.
    pub async fn alarms(&self, aws: &Aws) -> u64 {
        let told = aws.query("monitoring", "2010-08-01", "Action=DescribeAlarms").await;
        xml::texts(&told, "AlarmName").iter().filter(|name| name.starts_with(&self.name)).count() as u64
    }
}

/// How often a schedule runs in a day: `rate(… minutes)`, or a `cron(…)` whose days are all days.
fn runs_a_day(expression: &str) -> u64 {
    if let Some(rate) = expression.strip_prefix("rate(") {
        let minutes = rate.split_once(" minute").expect("a rate in minutes").0;
        return 24 * 60 / minutes.parse::<u64>().expect("a number of minutes");
    }
    let cron = expression.strip_prefix("cron(").and_then(|cron| cron.strip_suffix(')')).expect("rate or cron");
    let fields: Vec<&str> = cron.split(' ').collect();
    let [minutes, hours, "*", "*", "?", "*"] = fields.as_slice() else { panic!("{expression} has days") };
    values(minutes, 60) * values(hours, 24)
}

/// How many values below a bound a field of a cron expression has: `*`, `7`, `1-6`, `0/5`, and lists of these.
fn values(field: &str, below: u64) -> u64 {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let of_part = |part: &str| match (part.split_once('-'), part.split_once('/')) {
        (Some((first, last)), _) => number(last) - number(first) + 1,
        (_, Some((first, step))) => (below - number(if first == "*" { "0" } else { first })).div_ceil(number(step)),
        _ => {
            if part == "*" {
                below
            } else {
                1
            }
        }
    };
    field.split(',').map(of_part).sum()
}

#[cfg(test)]
mod tests {
    use super::runs_a_day;

    #[test]
    fn a_schedules_runs_are_counted() {
        assert_eq!(runs_a_day("rate(1 minute)"), 1_440);
        assert_eq!(runs_a_day("rate(5 minutes)"), 288);
        assert_eq!(runs_a_day("cron(0/5 1-6 * * ? *)"), 72);
        assert_eq!(runs_a_day("cron(0,30 */2 * * ? *)"), 24);
    }
}
