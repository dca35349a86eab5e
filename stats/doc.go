// Package stats makes figures from counts. It is pure: no clock and no I/O, so
// the same counts give the same figures on every page, file and command.
//
// # The figures and their denominators
//
// Here good means the levels 非常满意, 满意 and 基本满意, bad the two others, and n
// the counted responses (one per case and stage).
//
//	satisfaction rate 满意率             good / n
//	very satisfied share 非常满意占比     非常满意 / n
//	mean score 平均分                    Σ weight of the level / n
//	active rate of visits 主动评价率      rated visits / served visits
//	active rate of all 主动评价率         n / (n + matured unrated visits)
//	satisfaction with defaults 含默认    (good + defaults) / (n + defaults)
//
// The good/bad line is that of the national 政务服务“好差评” rules; the active
// rate is published in two readings, so both are kept and named by their
// denominators. An unrated visit matures after [survey.Rules] DefaultDays and is
// then counted as DefaultLevel, in the default-included figure only: local rules
// disagree on that level, so the active-only figure is the one with an interval
// and a rank.
//
// A rate without a denominator is none (无): see [Ratio.Value].
//
// # Bad reviews
//
// Every bad review (差评) owes a case. Its rates, made by [MakeCases], go by the
// month the review came in and are as of the end of a day. A case is due when the
// last of its deadlines has passed, finished or not, and stays due for ever; one
// whose deadlines still run is pending and shown beside, so that a fresh month is
// not flattered. Where nothing else is said, the denominator is the cases due.
//
//	C1  callback rate 回访率                   called back; could not be reached is not called back, would not talk is
//	C2  rectification rate 整改率              rectified; explained is not rectified, and after reopening only the last time counts
//	C3  on-time rectification 按期整改率       rectified by the last day of the deadline, extended or not
//	C4  real-name callback and rectification 实名差评回访整改率, as the bureau declares it:
//	    real-name cases both called back and rectified / real-name cases due
//	C5  the same as the citizen confirms it    of those, the ones the citizen says are solved / real-name cases due
//	C6  rectification as the citizen confirms  rectified, and the citizen says it is solved
//	C7  explained share 解释说明占比           explained: there was nothing to put right
//	C8  open share 未整改占比                  neither rectified nor explained; C2 + C7 + C8 = 100 %
//	C9  unreachable share 无法联系占比         given up after tries on three days
//	C10 reopened share 重新整改占比            the citizen was not satisfied, and it was rectified anew
//	C11 satisfied after the callback 回访后满意率  the three good levels / levels given after the callback; of all cases, due or not
//
// C4 must be 100 % (indicator 13 of the model-bureau notice); C5 stands beside it,
// since what a bureau closed and what a citizen confirmed are two facts, and each
// verdict says which it is about ([About]). Real-name (实名) is a proved visit or
// phone, and not a review whose citizen asked to stay unnamed.
//
// Reviews that are not adopted (不予采纳) leave a rate or stay in it, as no rule says
// which: every rate is given both ways, with their number. [CaseDefinitions] is the
// table; its numbers stand in pages, files and the API. C1 to C3 follow the practice
// of the 好差评 system, C4 the notice, and the others are this product's own.
//
// # Evaluations
//
// An evaluator judges a bureau by the items of an instrument: met, not met, or not
// applicable. [MakeEvaluation] and [NewAgreement] make:
//
//	E1  share of items met 符合率       items met / items met or not met; must reach the gate, 90 %
//	E2  score 评估得分                 100 × weight met / weight met or not met + points of bonus items met
//	E3  percent agreement 一致率       items two evaluators found alike / items both answered
//	E4  Cohen's κ                      ( pₒ − pₑ ) / ( 1 − pₑ ), see [Agreement.Kappa]
//
// Items that do not apply leave E1 and E2 and are counted apart. Veto items are in
// neither: one that is found is a flag beside them. Of several evaluators the answers
// are put together. Only submitted evaluations count. The gate is that of the notice;
// weights and gate stand in the instrument and freeze with the survey.
//
// # Uncertainty
//
// Satisfaction rates carry the 95 % interval of [Wilson] (1927), which stays
// inside 0 to 1 and is honest near 100 %, where real figures lie. Places are
// given a range of ranks by [Rank], never a single rank.
//
// # Small counts
//
// Whoever serves at a window could guess who is behind a single bad review. For
// restricted viewers no count from 1 to 4 is shown, and none follows from what
// is shown: see [Hide] and [HideSiblings].
package stats
