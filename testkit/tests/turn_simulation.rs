//! The turn-taking core against a hundred thousand random calls.

use voice_testkit::simulation;

#[test]
fn the_invariants_hold_in_sixty_thousand_calls_from_a_fixed_seed() {
    let report = simulation::run(20_260_101, 60_000);
    assert!(
        report.replies > 40_000 && report.cancels > 40_000 && report.resumed > 5_000,
        "the dice are too tame: {report:?}"
    );
}

#[test]
fn the_invariants_hold_in_sixty_thousand_calls_from_a_fresh_seed() {
    let seed = rand::random();
    println!("fresh seed {seed}");
    simulation::run(seed, 60_000);
}
