package testenv_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/detonaut/detonaut/internal/testenv"
)

func TestChromium(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), testenv.Chromium(t), "--version").Output()
	if err != nil || !strings.HasPrefix(string(out), "Chromium ") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestAxe(t *testing.T) {
	if script := testenv.Axe(t); !strings.HasPrefix(script, "/*! axe v4.14.1\n") {
		t.Errorf("axe-core begins with %.60q", script)
	}
}
