//! What the template allows each function, as it was deployed.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Aws, Function, Stack, xml};

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// To whom.
    pub function: Function,
    /// The action of IAM.
    pub action: String,
    /// The ARN, `*` for anything.
    pub resource: String,
}

impl Grant {
    /// Whether it allows this.
    pub fn allows(&self, function: Function, action: &str, arn: &str) -> bool {
        self.function == function && self.action == action && matches(&self.resource, arn)
    }
}

/// Whether a text is an instance of a pattern with `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(text) = text.strip_prefix(head) else { return false };
    (0..=text.len()).filter_map(|at| text.get(at..)).any(|tail| matches(rest, tail))
}

/// The policy of a role for what Lambda does in its function's name: writing its log, and noting failed ticks. No call
/// of the function's own shows that.
const OF_THE_SERVICE: &str = "service";

/// Every grant of the roles of the functions, for calls of their own. A role has no policies but its own.
pub async fn grants(aws: &Aws, stack: &Stack) -> BTreeSet<Grant> {
    let mut grants = BTreeSet::new();
    for function in stack.functions() {
        let path = format!("/2015-03-31/functions/{}/configuration", stack.function(function));
        let told = aws.get("lambda", &path).await.json();
        let role = told["Role"].as_str().and_then(|role| role.rsplit('/').next()).expect("a role").to_owned();
        let iam = async |fields: String| aws.query("iam", "2010-05-08", &fields).await;
        let attached = iam(format!("Action=ListAttachedRolePolicies&RoleName={role}")).await;
        let attached = xml::texts(&attached, "PolicyArn").join(" ");
        assert_eq!(attached, "", "{function:?} has policies that the template does not spell out");
        let own = iam(format!("Action=ListRolePolicies&RoleName={role}")).await;
        for policy in xml::texts(&own, "member").into_iter().filter(|policy| *policy != OF_THE_SERVICE) {
            let told = iam(format!("Action=GetRolePolicy&RoleName={role}&PolicyName={policy}")).await;
            let document = xml::decoded(xml::text(&told, "PolicyDocument"));
            let document: Value = serde_json::from_str(&document).expect("a policy in JSON");
            for statement in several(&document["Statement"]) {
                assert_eq!(statement["Effect"], "Allow", "{statement}");
                grants.extend(of_statement(function, statement));
            }
        }
    }
    grants
}

fn of_statement(function: Function, statement: &Value) -> Vec<Grant> {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text: {statement}")).to_owned();
    let resources: Vec<String> = several(&statement["Resource"]).iter().map(&text).collect();
    let actions = several(&statement["Action"]).iter().map(&text);
    let pairs = actions.flat_map(|action| resources.iter().map(move |resource| (action.clone(), resource.clone())));
    pairs.map(|(action, resource)| Grant { function, action, resource }).collect()
}

/// One or many, as IAM has it.
fn several(value: &Value) -> &[Value] {
    value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("arn:aws:s3:::b/results/*", "arn:aws:s3:::b/results/x/y"));
        assert!(matches("a*c*e", "abcde") && matches("*", "") && matches("a", "a"));
        assert!(!matches("arn:aws:s3:::b/results/*", "arn:aws:s3:::b/sealed/x") && !matches("a", "ab"));
    }
}
