//! A step for the on-call, and the command in it.
//!
//! A step is one line of text. Where it names a command to copy, that stands at its end behind `: aws `; mail and chat show it by
//! itself, so that it can be copied as it is.

/// What a command begins with.
const COMMAND: &str = ": aws ";

/// The words of a step, and its command.
pub fn parts(step: &str) -> (&str, Option<&str>) {
    match step.find(COMMAND) {
        Some(at) => (&step[..=at], Some(&step[at + ": ".len()..])),
        None => (step, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_stands_at_the_end_of_a_step() {
        assert_eq!(parts("Sign in once."), ("Sign in once.", None));
        assert_eq!(parts("Sign in once: aws sso login"), ("Sign in once:", Some("aws sso login")));
    }
}
