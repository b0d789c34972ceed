// Writes core/spawner/kube_types.h: the Kubernetes types that a Task's podOverrides hold, as tables.
//
// Two sources meet here. The Go types (k8s.io/api v0.35.1, the version Kelos is built with) say what survives a decode
// and encode by Go: which members are pointers, which are structs by value, which carry omitempty. The schema of Kelos'
// CRD says what an API server demands: required members, enums, minima. Run it in an empty module:
//
//	go mod init oracle && go get k8s.io/api@v0.35.1 sigs.k8s.io/yaml@v1.6.0
//	go run kube_schema.go task-crd.yaml > core/spawner/kube_types.h
//
// task-crd.yaml is the CRD "tasks.kelos.dev" of a Kelos release, without its Helm directives.
package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

var quantity = reflect.TypeOf(resource.Quantity{})
var intOrString = reflect.TypeOf(intstr.IntOrString{})
var bytesType = reflect.TypeOf([]byte(nil))

type schema = map[string]any

var done = map[string]bool{}

func sub(s schema, key string) schema {
	m, _ := s[key].(map[string]any)
	return m
}

// The C name of a table. ResourceClaim and the like are unique across the two groups that are used.
func name(t reflect.Type) string { return "kube_" + t.Name() }

func scalar(t reflect.Type, s schema) (shape, typ string) {
	switch {
	case t == quantity:
		return "SCHEMA_QUANTITY", ""
	case t == intOrString:
		return "SCHEMA_INT_OR_STRING", ""
	case t.Kind() == reflect.String:
		return "SCHEMA_STRING", ""
	case t.Kind() == reflect.Bool:
		return "SCHEMA_BOOL", ""
	case t.Kind() == reflect.Int32:
		return "SCHEMA_INT32", ""
	case t.Kind() == reflect.Int64:
		return "SCHEMA_INT64", ""
	case t.Kind() == reflect.Struct:
		emit(t, s)
		return "SCHEMA_OBJECT", name(t)
	}
	panic("no shape for " + t.String())
}

func rows(t reflect.Type, s schema, out *[]string) {
	required := map[string]bool{}
	if r, ok := s["required"].([]any); ok {
		for _, x := range r {
			required[x.(string)] = true
		}
	}
	props := sub(s, "properties")
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("json"), ",")
		if len(tag) > 1 && tag[1] == "inline" {
			ft := f.Type
			rows(ft, s, out)
			continue
		}
		p := sub(props, tag[0])
		if p == nil {
			fmt.Fprintf(os.Stderr, "not in the CRD: %s.%s\n", t, tag[0])
			continue
		}
		omit := strings.Contains(f.Tag.Get("json"), "omitempty")
		ft, flags, container := f.Type, []string{}, "SCHEMA_ONE"
		leaf := p
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
			flags = append(flags, "SCHEMA_POINTER")
		}
		if ft == bytesType {
			panic("bytes: " + t.String() + "." + f.Name)
		}
		switch ft.Kind() {
		case reflect.Slice:
			container, ft = "SCHEMA_LIST", ft.Elem()
			leaf = sub(p, "items")
		case reflect.Map:
			container, ft = "SCHEMA_MAP", ft.Elem()
			leaf = sub(p, "additionalProperties")
		case reflect.Struct:
			if f.Type.Kind() != reflect.Pointer {
				flags = append(flags, "SCHEMA_BY_VALUE")
			}
		}
		shape, typ := scalar(ft, leaf)
		if !omit && !required[tag[0]] && f.Type.Kind() != reflect.Struct && f.Type.Kind() != reflect.Pointer {
			flags = append(flags, "SCHEMA_POINTER") // no omitempty: its zero value stays, too
		}
		if required[tag[0]] {
			flags = append(flags, "SCHEMA_REQUIRED")
		}
		row := fmt.Sprintf("    {.name = %q, .shape = %s", tag[0], shape)
		if container != "SCHEMA_ONE" {
			row += ", .container = " + container
		}
		if len(flags) > 0 {
			row += ", .flags = " + strings.Join(flags, " | ")
		}
		if typ != "" {
			row += ", .type = &" + typ
		}
		if e, ok := leaf["enum"].([]any); ok {
			var names []string
			for _, x := range e {
				names = append(names, x.(string))
			}
			row += fmt.Sprintf(", .choices = %q", strings.Join(names, "|"))
		}
		for _, limit := range []string{"minimum", "maximum", "maxItems", "minItems", "maxLength", "minLength", "pattern"} {
			if v, ok := p[limit]; ok {
				fmt.Fprintf(os.Stderr, "limit %s.%s %s=%v\n", t, tag[0], limit, v)
			}
		}
		*out = append(*out, row+"},")
	}
}

func emit(t reflect.Type, s schema) {
	if done[t.Name()] {
		return
	}
	done[t.Name()] = true
	var out []string
	if len(sub(s, "properties")) > 0 {
		rows(t, s, &out)
	}
	if len(out) == 0 {
		fmt.Printf("static const struct schema_type %s = {0};\n", name(t))
		return
	}
	fmt.Printf("static const struct schema_field %s_fields[] = {\n%s\n};\n", name(t), strings.Join(out, "\n"))
	fmt.Printf("static const struct schema_type %s = SCHEMA_TYPE(%s_fields);\n", name(t), name(t))
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var crd schema
	if err := yaml.Unmarshal(text, &crd); err != nil {
		panic(err)
	}
	var spec schema
	for _, v := range sub(crd, "spec")["versions"].([]any) {
		if version := v.(map[string]any); version["name"] == "v1alpha2" {
			spec = sub(sub(sub(sub(version, "schema"), "openAPIV3Schema"), "properties"), "spec")
		}
	}
	pod := sub(sub(sub(spec, "properties"), "podOverrides"), "properties")
	items := func(s schema) schema { return sub(s, "items") }
	fmt.Println(`/* Kubernetes' own types inside podOverrides. Generated by oracle/kube_schema.go from the Go types
 * of k8s.io/api v0.35.1 and the CRD of Kelos; do not edit. The flags are explained in schema.h. */
#pragma once

#include "spawner/schema.h"

/* clang-format off */`)
	emit(reflect.TypeOf(corev1.ResourceRequirements{}), sub(pod, "resources"))
	emit(reflect.TypeOf(corev1.EnvVar{}), items(sub(pod, "env")))
	emit(reflect.TypeOf(corev1.Toleration{}), items(sub(pod, "tolerations")))
	emit(reflect.TypeOf(corev1.Affinity{}), sub(pod, "affinity"))
	emit(reflect.TypeOf(corev1.LocalObjectReference{}), items(sub(pod, "imagePullSecrets")))
	emit(reflect.TypeOf(corev1.Volume{}), items(sub(pod, "volumes")))
	emit(reflect.TypeOf(corev1.VolumeMount{}), items(sub(pod, "volumeMounts")))
	emit(reflect.TypeOf(corev1.PodSecurityContext{}), sub(pod, "podSecurityContext"))
	emit(reflect.TypeOf(corev1.SecurityContext{}), sub(pod, "containerSecurityContext"))
	emit(reflect.TypeOf(corev1.Container{}), items(sub(pod, "extraContainers")))
}
