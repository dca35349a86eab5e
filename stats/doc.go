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
