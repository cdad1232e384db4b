use http::HeaderMap;

use super::super::{Answer, DIALECTS};
use super::{references, words};

#[test]
fn every_answer_in_a_page_tells_of_limits_in_the_words_of_its_own_dialect() {
    for dialect in &DIALECTS {
        for vendor in dialect.reference.vendors {
            let headers = words::headers(vendor.answer);
            assert_eq!(headers.len(), vendor.answer.lines().count(), "{}", vendor.who);
            let told = (dialect.read)(&Answer::new(&headers, words::NOW));
            assert_ne!(told, [], "{} does not speak {}", vendor.who, dialect.reference.name);
            assert_eq!((dialect.read)(&Answer::new(&HeaderMap::new(), words::NOW)), []);
        }
    }
}

#[test]
fn every_page_has_answers_and_something_is_made_of_each() {
    for reference in references() {
        assert!(!reference.vendors.is_empty(), "{}", reference.name);
        for vendor in reference.vendors {
            assert_ne!((reference.understands)(vendor.answer), [] as [String; 0], "{}", vendor.who);
        }
    }
}

/// What pages say of answers is made from the answers; so here it is said by hand for one of each kind.
#[test]
fn what_is_made_of_answers_is_said_in_words() {
    let said = |who: &str| {
        let mut all = references().flat_map(|one| one.vendors.iter().map(move |vendor| (one, vendor)));
        let (one, vendor) = all.find(|(_, vendor)| vendor.who == who).unwrap_or_else(|| panic!("nobody is {who}"));
        (one.understands)(vendor.answer)
    };
    assert_eq!(said("GitHub"), ["`core`: 4987 of 5000 requests left, all of it there again in 20 m 00 s"]);
    assert_eq!(said("Shopify (REST)"), ["8 of 40 requests left, 2 coming back in each second"]);
    assert_eq!(said("Slack"), ["a wait of 30.0 s"]);
    let points = "`query cost`: 1954 of 2000 points left, 100 coming back in each second";
    assert_eq!(said("Shopify (GraphQL)"), ["the query's cost: 46, of 101 that were taken before it ran", points]);
    assert_eq!(said("RFC 9110"), ["a wait of 2 m 00 s"]);
}
