//! Errors that people take for those of SSO OIDC and that are none.
//!
//! In: a code, or a text with one in it. Out: the [`LookAlike`] that it is: from where, what it means and what to do. The function
//! leaves all of these alone, so they stand here and not in the table.

use serde::Serialize;

/// An error of another service, or of a program on the caller's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LookAlike {
    #[serde(skip)]
    codes: &'static [&'static str],
    /// What stands in a text that is of that service: operations, names of SDKs' clients, hosts.
    #[serde(skip)]
    marks: &'static [&'static str],
    pub from: &'static str,
    pub meaning: &'static str,
    pub advice: &'static str,
}

const PORTAL: &str =
    "the access portal of IAM Identity Center (GetRoleCredentials, ListAccounts, ListAccountRoles, Logout)";
const PORTAL_MARKS: &[&str] = &[
    "GetRoleCredentials",
    "ListAccountRoles",
    "ListAccounts",
    "calling the Logout",
    "operation error SSO:",
    "(Service: Sso,",
    "(Service: Sso;",
    "Service: AWSSSO;",
    "services.sso.model",
    "client-sso/",
    "portal.sso.",
    "Session token not found or invalid",
];
const STS: &str = "AWS STS, or whichever service was called with its credentials";
const STS_MARKS: &[&str] = &[
    "AssumeRole",
    "GetCallerIdentity",
    "GetSessionToken",
    "operation error STS:",
    "Service: Sts",
    "sts.",
    "security token included in the request is expired",
];
const COGNITO: &str = "Amazon Cognito user pools (InitiateAuth, RespondToAuthChallenge, GetUser)";
const COGNITO_MARKS: &[&str] = &["InitiateAuth", "RespondToAuthChallenge", "Cognito", "cognito-idp"];
const SIGN_IN: &str = "AWS Sign-In (CreateOAuth2Token, behind `aws login`)";
const SIGN_IN_MARKS: &[&str] =
    &["CreateOAuth2Token", "operation error Signin:", "Service: Signin", "signin.aws", "aws login"];
const PROGRAM: &str = "the AWS CLI or SDK on the caller's machine, which has not asked AWS at all";

/// The first that fits. The last of a service stands for all its other codes.
const LOOK_ALIKES: &[LookAlike] = &[
    LookAlike {
        codes: &["Unauthorized", "401"],
        marks: PORTAL_MARKS,
        from: PORTAL,
        meaning: "Session token not found or invalid: the user's SSO access token has expired, or the session was ended or revoked.",
        advice: "Sign in again (aws sso login), and check that sso_region is Identity Center's own. Many users at once mean that \
            somebody ended their sessions, or that Identity Center has a problem.",
    },
    LookAlike {
        codes: &["Forbidden", "403"],
        marks: PORTAL_MARKS,
        from: PORTAL,
        meaning: "No access: the user is signed in and has no assignment to that account with that permission set.",
        advice: "Check sso_account_id and sso_role_name in the profile, and the assignment in Identity Center. To sign in again \
            does not help.",
    },
    LookAlike {
        codes: &["ResourceNotFound"],
        marks: PORTAL_MARKS,
        from: PORTAL,
        meaning: "The account or role that was asked for does not exist there.",
        advice: "Check sso_account_id, sso_role_name and sso_region in the profile.",
    },
    LookAlike {
        codes: &["TooManyRequests"],
        marks: PORTAL_MARKS,
        from: PORTAL,
        meaning: "Too many calls of the portal, most often of a tool that asks for the credentials of every account.",
        advice: "Let the tool keep role credentials for their lifetime, and ask for fewer at a time.",
    },
    LookAlike {
        codes: &[],
        marks: PORTAL_MARKS,
        from: PORTAL,
        meaning: "A call with the SSO access token failed; the token itself had been given out.",
        advice: "Look at AWS Health for IAM Identity Center, and sign in again (aws sso login) if one user alone meets it.",
    },
    LookAlike {
        codes: &["ExpiredToken"],
        marks: STS_MARKS,
        from: STS,
        meaning: "The temporary credentials that signed a call have expired.",
        advice: "Renew them: aws sso login for a profile of Identity Center, else assume the role again; and check the clock.",
    },
    LookAlike {
        codes: &["InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError"],
        marks: STS_MARKS,
        from: "AWS STS (AssumeRoleWithWebIdentity, AssumeRoleWithSAML)",
        meaning: "The token of an identity provider was not accepted: it has expired, has another audience, or its provider is \
            not set up in IAM.",
        advice: "Check the provider, its audience and thumbprint in IAM, and the lifetime of the token (CI systems: the OIDC \
            provider of the pipeline).",
    },
    LookAlike {
        codes: &["InvalidClientTokenId", "SignatureDoesNotMatch", "AuthFailure"],
        marks: STS_MARKS,
        from: STS,
        meaning: "The access key that signed a call is not known, or its secret is wrong.",
        advice: "Check which credentials the caller uses (aws configure list) and its clock.",
    },
    LookAlike {
        codes: &[],
        marks: STS_MARKS,
        from: STS,
        meaning: "A call for credentials or with them failed; it has nothing to do with tokens of Identity Center.",
        advice: "Read its message; check the role's trust policy and the credentials that signed the call.",
    },
    LookAlike {
        codes: &["NotAuthorized", "UserNotFound", "UserNotConfirmed", "PasswordResetRequired", "CodeMismatch"],
        marks: COGNITO_MARKS,
        from: COGNITO,
        meaning: "A user of an application's own user pool could not sign in: a wrong password, or a refresh token that was \
            revoked or has expired.",
        advice: "Ask the team of that application. Identity Center is not concerned.",
    },
    LookAlike {
        codes: &[],
        marks: COGNITO_MARKS,
        from: COGNITO,
        meaning: "Signing in to an application's own user pool failed.",
        advice: "Ask the team of that application. Identity Center is not concerned.",
    },
    LookAlike {
        codes: &["CreateOAuth2Token"],
        marks: SIGN_IN_MARKS,
        from: SIGN_IN,
        meaning: "Signing in with console credentials failed or has expired: another service than SSO OIDC, with an operation of \
            a similar name.",
        advice: "Sign in again (aws login), and check that the user may call signin:CreateOAuth2Token. AWS Health lists it as \
            AWS Sign-In.",
    },
    LookAlike {
        codes: &["UnauthorizedSSOToken", "SSOTokenLoad", "TokenProvider", "SSOError", "TokenRetrieval"],
        marks: &[
            "Error loading SSO Token",
            "Token has expired and refresh failed",
            "SSO session associated with this profile",
            "SSO session has expired or is invalid",
            "To refresh this SSO session",
            "failed to refresh cached SSO token",
        ],
        from: PROGRAM,
        meaning: "There is no SSO token in ~/.aws/sso/cache, or it has expired and could not be refreshed.",
        advice: "Sign in again (aws sso login --profile NAME). If that fails too, explain the error that it prints.",
    },
    LookAlike {
        codes: &["PendingAuthorizationExpired"],
        marks: &["pending authorization to retrieve an SSO token has expired"],
        from: PROGRAM,
        meaning: "Nobody confirmed the sign-in in the browser before the device code ran out.",
        advice: "Start it again (aws sso login) and confirm within ten minutes.",
    },
    LookAlike {
        codes: &["NoCredentials", "CredentialsProvider", "CredentialRetrieval"],
        marks: &["Unable to locate credentials", "Could not load credentials from any providers"],
        from: PROGRAM,
        meaning: "No credentials were found, so no call was made.",
        advice: "Check the profile (AWS_PROFILE, aws configure list), and sign in (aws sso login).",
    },
];

/// What somebody may have in front of them when they ask for that code.
pub fn of_code(code: &str) -> Option<&'static LookAlike> {
    LOOK_ALIKES.iter().find(|known| known.codes.iter().any(|name| is_named(code, name)))
}

/// Their codes, without statuses.
pub fn codes() -> impl Iterator<Item = &'static str> {
    let codes = LOOK_ALIKES.iter().flat_map(|known| known.codes).copied();
    codes.filter(|code| !code.starts_with(|first: char| first.is_ascii_digit()))
}

/// What a text tells of, which is no error of ours: by the service that stands in it, and the code if it has one.
pub fn of_text(text: &str, code: Option<&str>) -> Option<&'static LookAlike> {
    let is_of = |known: &&LookAlike| known.marks.iter().any(|mark| text.contains(mark));
    let is_coded = |known: &&LookAlike| known.codes.iter().any(|name| code.is_some_and(|code| is_named(code, name)));
    let of_service = || LOOK_ALIKES.iter().filter(is_of);
    of_service()
        .find(is_coded)
        .or_else(|| of_service().find(|known| known.codes.is_empty()).or_else(|| of_service().next()))
}

/// With and without what languages put behind the name of an error.
fn is_named(code: &str, name: &str) -> bool {
    let rest = code.get(..name.len()).filter(|begin| begin.eq_ignore_ascii_case(name)).map(|_| &code[name.len()..]);
    rest.is_some_and(|rest| ["", "Exception", "Error"].iter().any(|suffix| suffix.eq_ignore_ascii_case(rest)))
}

#[cfg(test)]
mod tests {
    use triage_model::redact::one_line;

    use super::*;

    #[test]
    fn the_portal_s_errors_are_told_as_what_they_are() {
        for (code, part) in [
            ("UnauthorizedException", "Session token not found or invalid"),
            ("unauthorizedexception", "expired"),
            ("ForbiddenException", "no assignment"),
            ("ResourceNotFoundException", "does not exist"),
            ("TooManyRequestsException", "every account"),
        ] {
            let found = of_code(code).unwrap();
            assert!(found.from.contains("access portal") && found.meaning.contains(part), "{code}: {found:?}");
        }
        for code in
            ["", "é", "UnauthorizedClientException", "InvalidGrantException", "InternalServerException", "Forbid"]
        {
            assert_eq!(of_code(code), None, "{code}");
        }
    }

    #[test]
    fn a_text_is_of_the_service_that_it_names() {
        for (text, code, from) in [
            ("when calling the GetRoleCredentials operation: x", Some("UnauthorizedException"), PORTAL),
            ("when calling the ListAccounts operation: x", Some("InternalServerException"), PORTAL),
            ("operation error STS: AssumeRole, https response error StatusCode: 403", Some("AccessDenied"), STS),
            ("when calling the InitiateAuth operation: Incorrect username", Some("NotAuthorizedException"), COGNITO),
            ("operation error Signin: CreateOAuth2Token", Some("AccessDeniedException"), SIGN_IN),
            ("Error loading SSO Token: Token for x does not exist", None, PROGRAM),
        ] {
            assert_eq!(of_text(text, code).map(|found| found.from), Some(from), "{text}");
        }
        assert_eq!(of_text("when calling the CreateToken operation", Some("UnauthorizedException")), None);
    }

    #[test]
    fn each_says_enough_and_on_one_line() {
        for known in LOOK_ALIKES {
            for text in [known.from, known.meaning, known.advice] {
                assert!(text.len() >= 20 && one_line(text, 1000) == text, "{text}");
            }
        }
    }
}
