use super::*;

const BASE64: &str = "x7Gk9QpZ2mN4vR8tYw1sDf6hJk3lCb5nUa0eXi7o+Q/2zT";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzK8qLw2Vn4";
const HEX: &str = "0123456789abcdef0123456789abcdef";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJlLW9mLWl0";
const ACCESS: &str = "aoaAAAAAGVk3sQ8Tz1x:MGUCMQDq9Zw7Lk2b5f8s1/hV+3xY0uTnQpRrWc4mKd6aJgE";
const REFRESH: &str = "aorAAAAAGWm5tR9Uz2y:MGQCMFq8Yv6Kj1a4e7r0/gU+2wX9tSmPoQqVb3lJc5ZIfD";

/// Nothing of the secret is left, and a second look finds nothing more.
fn hides(text: &str, secret: &str) {
    let shown = masked(text);
    assert!(!shown.contains(secret), "{text}\n  {shown}");
    assert_eq!(masked(&shown), shown, "{text}");
}

fn stays(text: &str) {
    assert_eq!(masked(text), text);
}

#[test]
fn everything_that_looks_like_a_secret_is_hidden() {
    for secret in [BASE64, SECRET_KEY, HEX, JWT, ACCESS, REFRESH, "ASIAQ3EGTS6PXV2NLKWB"] {
        let around = [
            ("", ""),
            ("token ", " is expired"),
            ("a,", ",b"),
            ("(", ")"),
            ("\"", "\""),
            ("\\\"", "\\\""),
            ("<", ">"),
            ("x=", "&y=1"),
            ("é ", " é"),
            ("['", "']"),
            ("http://host/path?q=", ""),
            ("\n", "\n"),
        ];
        for (before, behind) in around {
            hides(&format!("{before}{secret}{behind}"), secret);
        }
    }
    hides(&SECRET_KEY.replace('/', "\\/"), "K7MDENG");
    hides(&BASE64.replace('+', "%2B").replace('/', "%2F"), "x7Gk9QpZ2mN4");
}

#[test]
fn the_value_behind_the_name_of_a_secret_is_hidden_in_every_spelling() {
    for key in [
        "refreshToken",
        "refresh_token",
        "refresh-token",
        "RefreshToken",
        "clientSecret",
        "client_secret",
        "accessToken",
        "idToken",
        "x-amz-security-token",
        "X-Amz-Signature",
        "X-Amz-Credential",
        "deviceCode",
        "device_code",
        "code_verifier",
        "code",
        "password",
        "my.password",
        "AWS_SECRET_ACCESS_KEY",
        "aws_session_token",
        "assertion",
        "subject_token",
    ] {
        for text in [
            format!("{key}=Hidden-7"),
            format!("a {key} = Hidden-7, b"),
            format!("\"{key}\":\"Hidden-7\""),
            format!("'{key}': 'Hidden-7'"),
            format!("\\\"{key}\\\":\\\"Hidden-7\\\""),
            format!("\\\\\\\"{key}\\\\\\\":\\\\\\\"Hidden-7\\\\\\\"}}"),
            format!("{key}: Some(\"Hidden-7\")"),
            format!(":{key}=>\"Hidden-7\""),
            format!("(\"{key}\",\"Hidden-7\")"),
            format!("('{key}', 'Hidden-7')"),
            format!("q?{key}%3DHidden-7%26a%3Db"),
            format!("{key}\\u003dHidden-7"),
            format!("\"{key}\":[\"Hidden-7\"]"),
            format!("\"{key}\":\"one\\\"Hidden-7\""),
            format!("{key}=\"Hidden-7"),
        ] {
            // A header's name in prose may be followed by what it is about.
            hides(&text, "Hidden-7");
        }
    }
}

#[test]
fn the_text_around_a_value_stays() {
    assert_eq!(
        masked(r#"{"refreshToken":"x","region":"us-east-1"}"#),
        r#"{"refreshToken":"[masked]","region":"us-east-1"}"#
    );
    assert_eq!(masked("password=a region=us-east-1"), "password=[masked] region=us-east-1");
    assert_eq!(masked("x%26code%3Dab12cd34%26state%3D5"), "x%26code%3D[masked]%26state%3D5");
}

#[test]
fn headers_are_hidden() {
    for (text, secret) in [
        ("Authorization: Bearer abc.def", "abc.def"),
        ("authorization: bearer Zm9v", "Zm9v"),
        ("Basic c3ZjOnB3", "c3ZjOnB3"),
        ("\"Authorization\":\"Basic c3ZjOnB3\"", "c3ZjOnB3"),
        ("Bearer%20abcd1234", "abcd1234"),
        ("Proxy-Authorization: Basic c3ZjOnB3", "c3ZjOnB3"),
        ("cookie: a=first1; b=second2", "second2"),
        ("Set-Cookie: sid=first1; Path=/", "first1"),
        ("x-amz-security-token: IQoJ", "IQoJ"),
        (
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/sso-oauth/aws4_request, Signature=fe5f80",
            "AKIAIOSFODNN7EXAMPLE",
        ),
        ("AWS4-HMAC-SHA256 Credential=x, Signature=fe5f80", "fe5f80"),
    ] {
        hides(text, secret);
    }
    stays("Basic authentication failed");
    stays("Bearer token is expired");
}

#[test]
fn the_user_information_of_urls_is_dropped() {
    for (text, shown) in [
        ("http://user:pw@host:3128/a", "http://host:3128/a"),
        ("https://user@host", "https://host"),
        ("socks5://u:p@h", "socks5://h"),
        ("postgres://u:p@h:5432/db?x=1", "postgres://h:5432/db?x=1"),
        ("amqp://u:p%40q@h", "amqp://h"),
        ("http://u:p@q@h", "http://h"),
        ("http://u:p/q@h", "http://h"),
        ("http://u:p@q/r@h.example/x", "http://h.example/x"),
        ("http://u:p@h.example/x@y", "http://h.example/x@y"),
        ("http://u:p#q?r@h/x", "http://h/x"),
        ("redis://:pw@h", "redis://h"),
        (r"http:\/\/u:p@h\/x", r"http:\/\/h\/x"),
        (r"http:\\/\\/u:p@h", r"http:\\/\\/h"),
        ("http%3A%2F%2Fu%3Ap%40h%2Fx", "http%3A%2F%2Fh%2Fx"),
        (r"http:\u002f\u002Fu:p@h/x", r"http:\u002f\u002Fh/x"),
        (
            "proxy URL: \"http://svc:Passw0rd123@proxy.corp.example.com\"",
            "proxy URL: \"http://proxy.corp.example.com\"",
        ),
        ("https_proxy=svc:Passw0rd123@proxy:3128", "https_proxy=proxy:3128"),
        ("HTTPS_PROXY=svc:Passw0rd123@proxy.corp.example.com", "HTTPS_PROXY=proxy.corp.example.com"),
        ("a http://u:p@h and http://v:q@i", "a http://h and http://i"),
        ("http://é:ü@h", "http://h"),
        ("http://user:pw@", "http://"),
    ] {
        assert_eq!(masked(text), shown, "{text}");
        stays(shown);
    }
    for text in [
        "https://host/@scope/package",
        "https://host/users/jane@example.com",
        "file:///app/node_modules/@aws-sdk/x.js:10:5",
        "jane@example.com",
        "https://host:443/a@b",
        "http://[::1]:80/a@b",
        "email:jane@example.com",
        "at Object.<anonymous> (/app/@x/y.js:1:2)",
    ] {
        stays(text);
    }
}

#[test]
fn ids_and_names_that_people_need_stay() {
    for text in [
        "7d1b3f52-2c3f-4c1e-9b57-6a1f0f5b6c01",
        "d-1234567890-94d00cd8-e9e6-4810-b177-b08e84775435",
        "arn:aws:sso::111122223333:application/ssoins-7223a1b2c3d4e5f6/apl-8a9b0c1d2e3f4a5b",
        "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_AdministratorAccess_0123456789abcdef/jane@example.com",
        "arn:aws:health:us-east-1::event/SSO/AWS_SSO_OPERATIONAL_ISSUE/AWS_SSO_OPERATIONAL_ISSUE_7C3D8_EXAMPLE1",
        "AROAEXAMPLEEXAMPLE000:session-name",
        "Vvl6r5ZkOmTRDfpnHkXQnXVzLWVhc3QtMQ",
        "00000000000000000000000000000000000001795730982792773387",
        "com.amazonaws.services.ssooidc.model.AWSSSOOIDCServiceInvalidRequestRegionException",
        "SdkClientExceptionInternalServerErrorExceptionInvalidGrant",
        "/opt/app/node_modules/aws-sdk-client-sso-oidc/dist-cjs/protocols/Aws_restJson1",
        "aws-cli/2.31.0 md/awscrt#0.28.0 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 cfg/retry-mode#standard md/installer#exe",
        "urn:ietf:params:oauth:grant-type:device_code",
        "oidc.ap-southeast-2.amazonaws.com",
        "An error occurred (ThrottlingException) when calling the CreateToken operation: Rate exceeded",
        "Service: SsoOidc, Status Code: 500, Request ID: 7d1b3f52-2c3f-4c1e-9b57-6a1f0f5b6c01",
        "Error Code: ThrottlingException; code: 'ECONNRESET'; code: slow_down",
        "Vvl6r5ZkOmTRDfpnHkXQnWFwLXNvdXRoZWFzdC0y", // 40 characters: ap-southeast-2
        "clientid=Vvl6r5ZkOmTRDfpnHkXQnXVzLWVhc3QtMQ",
        "Invalid refresh token provided",
        "The security token included in the request is expired",
        "",
        "é",
    ] {
        stays(text);
    }
}

proptest::proptest! {
    #[test]
    fn nothing_that_comes_makes_it_fail(text in r#"([a-z:=@%/\\"',é \[\]{}]|eyJ|aoa|%40|://|token|code|Bearer |\PC){0,60}"#) {
        let shown = masked(&text).into_owned();
        proptest::prop_assert!(shown.len() <= text.len() + MASK.len() * (text.len() + 1));
    }
}

#[test]
fn random_bytes_in_base64_are_hidden() {
    use base64::Engine as _;
    use std::hash::Hasher as _;
    const TRIED: u64 = 20_000;
    let byte = |number: u64, at: u64| {
        let mut hasher = siphasher::sip::SipHasher24::new_with_keys(number, at);
        hasher.write_u8(0);
        hasher.finish() as u8
    };
    let missed = |number: &u64| {
        let bytes: Vec<u8> = (0..30 + number % 60).map(|at| byte(*number, at)).collect();
        let text = if number.is_multiple_of(2) {
            base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(&bytes)
        } else {
            base64::prelude::BASE64_STANDARD.encode(&bytes)
        };
        masked(&text).contains(&text[..24])
    };
    let missed = (0..TRIED).filter(missed).count();
    assert!(missed <= 10, "{missed} of {TRIED}");
}
