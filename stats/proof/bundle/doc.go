// Package bundle makes publications (发布) that anybody can recompute, and checks them.
//
// A publication is one [Document]. [Build] counts it from the data log up to a
// checkpoint, [Write] puts it into a bundle, and [Verify] checks a bundle without a
// database, and with memory that does not grow with the responses. A bundle is a ZIP
// of files in this order, stored as they are:
//
//   - publication.json: the document.
//   - publication.sig: its signature by itself, see [SignDocument].
//   - leaves.tsv: a line for each leaf of the data log, in order, see [proof.Line].
//     Every leaf is there, so the log's root can be computed; leaves of other surveys
//     open nothing but the survey.
//   - checkpoints.txt: a line of JSON for each checkpoint at which the data log had
//     grown, the last one the document's. The log's root is computed at each.
//   - figures.csv: what was counted from the log as a table.
//   - summary.csv, summary.xlsx: the score sheets as a table, a line for each bureau, in
//     the order of their ranks.
//   - report.html: all of it for print, on A4.
//   - signature.txt: a signed note over the names, lengths and hashes of the others.
//
// # What is opened to the public
//
// A bureau stands alone if its good and its bad reviews are each none or at least
// five. Others are counted together with at least one more of their city, else of the
// province, until the same holds of them; so no one of them can be had by
// subtraction. Of a unit the channels are told if each channel's good and bad reviews
// are none or at least five, and then the levels if each of their numbers is. Reviews
// not adopted are told if they, and what is left without them, are such numbers, and
// superseded ones likewise. All leaves of a unit open the same fields, and no leaf
// opens more than its numbers need. Where reviews not adopted are told, every bad
// review of the unit opens its tag, and every decision opens the tag of its review in
// any case: so none can be left out or made up. What is said beside the log has no
// number of people from one to four either, see [sheet.Unit.Fill].
//
// # What it cannot prove
//
// Besides what package proof names: which of several responses for one case counts
// follows from visits, which are not in the log, so a publication says it and auditors
// compare. Whoever can sign can publish other rules than those the survey opened with;
// the version of the rules, which every publication and data set names, shows it to
// those who compare. A checkpoint that nobody else has kept can be left out. How many
// responses wait, and what units say of visits, cases, evaluations and quality flags,
// stands on the signature alone; every document names it, see [Stated]. What follows from
// it on the score sheets is recomputed.
package bundle
