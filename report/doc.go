// Package report turns finished models into bytes: text for a terminal, JSON for
// programs. It runs nothing, reads no /proc and knows no clock, so the same model
// always gives the same report.
//
//	Scenario, Maps, Where, ... --> Document --> one of Formats --> bytes
//
// A Document is a model together with its text form. Text is laid out on a page:
// lines of styled spans, measured in terminal cells, which become plain text, text
// with colour, or ASCII when they are written. Colour only repeats what position
// and words already say. Whatever comes from outside (a mapping's file name, a
// process's name) goes through escape before it reaches a page.
package report
