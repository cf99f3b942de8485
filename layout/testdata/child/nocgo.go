//go:build !cgo

package main

func showC() {}
