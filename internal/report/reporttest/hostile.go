// Package reporttest makes reports for the tests of what shows them: realistic ones, large
// ones, and hostile ones, in which every string attacks whoever shows it.
package reporttest

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"time"

	"github.com/detonaut/detonaut"
)

// day is the time of everything that has one.
var day = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// Hostile returns a report in which every string is payload, in every field that there is:
// every list has two elements, every pointer leads somewhere. Only the words that are ours
// (verdicts, severities, states ...) and the digest of the image are as they must be, and it
// has one digest for each payload.
func Hostile(payload string) *detonaut.Report {
	r := new(detonaut.Report)
	Fill(r, payload)
	sum := sha256.Sum256([]byte(payload))
	r.Schema = detonaut.Schema
	r.Image.Digest = detonaut.Digest("sha256:" + hex.EncodeToString(sum[:]))
	for i := range r.Run.Processes { // each is the child of the one before
		r.Run.Processes[i].Parent = int32(i)
	}
	return r
}

// Fill does the same to whatever target points to: numbers are small, and those of the second
// element of a list greater than those of the first.
func Fill(target any, payload string) { fill(reflect.ValueOf(target).Elem(), payload, 1) }

// ours are words that the subject has no part in. A second element has the second word.
var ours = map[reflect.Type][]string{
	reflect.TypeFor[detonaut.Word]():       {string(detonaut.Malicious), string(detonaut.Suspicious)},
	reflect.TypeFor[detonaut.Severity]():   {string(detonaut.Critical), string(detonaut.Medium)},
	reflect.TypeFor[detonaut.Confidence](): {string(detonaut.Certain), string(detonaut.Tentative)},
	reflect.TypeFor[detonaut.Category]():   {string(detonaut.Dropper), string(detonaut.Miner)},
	reflect.TypeFor[detonaut.Use]():        {string(detonaut.DroppedRan), string(detonaut.Ran)},
	reflect.TypeFor[detonaut.State]():      {string(detonaut.Complete), string(detonaut.Partial)},
}

// fill sets v; n is the number of its element in the innermost list, from 1 on.
func fill(v reflect.Value, payload string, n int) {
	switch v.Kind() { // reports have no others: the test would find one that stays empty
	case reflect.String:
		if words, ok := ours[v.Type()]; ok {
			v.SetString(words[n-1])
			return
		}
		v.SetString(payload)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(n))
	case reflect.Float64:
		v.SetFloat(float64(n) / 2)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), payload, n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), payload, i+1)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, payload, n)
		fill(value, payload, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(day))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), payload, n)
			}
		}
	}
}
