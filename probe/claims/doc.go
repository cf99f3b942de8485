// Package claims holds what the two lessons say against the machine that it runs on.
//
//	claim  --Gather-->  evidence  --Judge-->  judgement
//	words  a scenario, maps,        plain data       holds, in part, does not hold,
//	       limits, a clock                           can't be told; and why
//
// A [Claim] is a sentence of a lesson, or a part of a picture, that can be true or
// false. Gathering looks: it runs the lesson's program on real memory, reads what the
// kernel tells, or times something. Judging looks at the evidence alone, so that other
// evidence gives another verdict; no verdict is kept anywhere. Where evidence is
// missing, the claim can't be told here, for the reason for which it is missing.
//
// A lesson is read as its writer means it: a verdict is about the sentence, not about
// words picked from it. "Holds in part" says what is right of it, too.
package claims
