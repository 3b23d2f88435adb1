import fc from "fast-check";

// The same cases in every run of the suite, so that a change is judged by what it changes. FUZZ_SEED=random looks for new
// ones (a soak run), FUZZ_SEED=<n> has those of another run again.
const asked = process.env.FUZZ_SEED;
if (asked !== "random") fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(asked ?? 20_261_124) });
