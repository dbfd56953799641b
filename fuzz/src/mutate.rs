//! A mutator that needs only Rust: libFuzzer's mutations without its coverage.
//!
//! In: seeds, tokens with a meaning for the parser, and the number of a run. Out: inputs, the same for the same number.
//! Each is a seed with a few changes: bits, bytes, numbers, tokens, pieces of itself or of another seed.

/// The longest input: most parsers read less, and long inputs cost time.
const INPUT_MAX: usize = 4096;

/// The most changes of one input.
const CHANGES_MAX: usize = 4;

/// The longest piece to copy, move or remove.
const PIECE_MAX: usize = 64;

/// Tokens at the edges of parsing: JSON's signs, ends of numbers and times, escapes, gzip.
const TOKENS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\\"",
    b"\\u0000",
    b"\\ud800",
    b"\\n",
    b"null",
    b"true",
    b"false",
    b"{}",
    b"[]",
    b"\"\"",
    b"0",
    b"-1",
    b"1e999",
    b"-0.0",
    b"18446744073709551616",
    b"9223372036854775807",
    b"NaN",
    b"599",
    b"2026-11-22T12:00:00Z",
    b"9999-12-31T23:59:59Z",
    b"-009999-01-02T01:59:59Z",
    b"\n",
    b"\r\n",
    b"\x1b[2J",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
    b"},{\"id\":",
    b"{\"Records\":[",
    b"]}",
    b"\"Records\":",
    b"\"detail\":",
    b"\"detail-type\":",
    b"\"source\":\"aws.sso\"",
    b"\"logEvents\":[",
    b"\"messageType\":\"DATA_MESSAGE\"",
    b"\"awslogs\":{\"data\":\"",
    b"\"Message\":\"",
    b"\"body\":\"",
    b"\"errorCode\":",
    b"\"eventVersion\":\"1.11\"",
    b"\"eventTime\":",
    b"CreateToken",
    b"CreateTokenWithIAM",
    b"RegisterClient",
    b"StartDeviceAuthorization",
    b"InternalServerException",
    b"SlowDownException",
    b"An error occurred (",
    b") when calling the CreateToken operation: ",
    b"oidc.us-east-1.amazonaws.com",
    b"status code: 500",
    b"Traceback (most recent call last):",
    b"    at ",
    b"https://u:p@h/",
    b"\"request\":{",
    b"\"refreshToken\":\"",
    b"\"clientSecret\":\"",
    b" = ",
    b"outage_callers",
    b"inf",
    b"[",
    b"#",
    b"\"ledger\":",
    b"\"incident\":{",
    b"\"notice\":",
    b"\"learned\":",
    b"\"probe\":",
    b"\"health\":[",
];

/// Replacements for a number.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "99",
    "100",
    "200",
    "400",
    "429",
    "500",
    "599",
    "600",
    "65536",
    "4294967296",
    "9223372036854775807",
    "18446744073709551616",
    "1e999",
    "0.5",
    "null",
];

/// Makes inputs from seeds.
pub struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    random: fastrand::Rng,
}

impl<'a> Mutator<'a> {
    /// At least one seed is needed. The same `number` makes the same inputs.
    pub fn new(seeds: &'a [Vec<u8>], number: u64) -> Self {
        assert!(!seeds.is_empty(), "nothing to begin with");
        Self { seeds, random: fastrand::Rng::with_seed(number) }
    }

    /// The next input.
    pub fn input(&mut self) -> Vec<u8> {
        let mut input = self.piece_of_seed(INPUT_MAX);
        for _ in 0..self.random.usize(1..=CHANGES_MAX) {
            self.change(&mut input);
        }
        input.truncate(INPUT_MAX);
        input
    }

    /// Small seeds whole; of a large one any part.
    fn piece_of_seed(&mut self, max: usize) -> Vec<u8> {
        let seed = &self.seeds[self.random.usize(..self.seeds.len())];
        let from = if seed.len() > max { self.random.usize(..=seed.len() - max) } else { 0 };
        seed[from..seed.len().min(from + max)].to_vec()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.usize(..=input.len());
        let until = input.len().min(at + self.random.usize(..=PIECE_MAX));
        match self.random.u8(..10) {
            0 | 1 => drop(input.splice(at..until, self.token())),
            2 | 3 => drop(input.splice(at..at, self.token())),
            4 => drop(input.drain(at..until)),
            5 => {
                let piece = input[at..until].to_vec();
                let to = self.random.usize(..=input.len());
                input.splice(to..to, piece);
            }
            6 => {
                let piece = self.piece_of_seed(PIECE_MAX);
                input.splice(at..until, piece);
            }
            7 | 8 => self.change_a_number(input),
            9 if self.random.u8(..4) == 0 => input.truncate(at),
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = if self.random.bool() { *byte ^ 1 << self.random.u8(..8) } else { self.random.u8(..) };
                }
            }
        }
    }

    fn token(&mut self) -> Vec<u8> {
        TOKENS[self.random.usize(..TOKENS.len())].to_vec()
    }

    /// Another digit or number: times and counts have bounds in the parser.
    fn change_a_number(&mut self, input: &mut Vec<u8>) {
        let is_digit = |at: &usize| input[*at].is_ascii_digit();
        let begins: Vec<usize> =
            (0..input.len()).filter(|at| is_digit(at) && (*at == 0 || !is_digit(&(at - 1)))).collect();
        let Some(&begin) = begins.get(self.random.usize(..begins.len().max(1))) else { return };
        let length = input[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if self.random.bool() {
            input[begin + self.random.usize(..length)] = b'0' + self.random.u8(..10);
        } else {
            let number = NUMBERS[self.random.usize(..NUMBERS.len())];
            input.splice(begin..begin + length, number.bytes());
        }
    }
}
