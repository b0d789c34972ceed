// Reads Tasks, one JSON object a line, decodes each strictly into types like those of Kelos' api/v1alpha2 and writes what
// Go makes of it, a line each. Kelos' controller does just that to add its finalizer, and the API server refuses the
// result when the spec has changed: so a Task that comes out different would never run.
//
// The types say the same as Kelos' own: which members are there, which carry omitempty, which are pointers; the pod's
// parts are Kubernetes' own types.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type Ref struct {
	Name string `json:"name"`
}

type Credentials struct {
	Type      string `json:"type"`
	SecretRef *Ref   `json:"secretRef,omitempty"`
}

type PodOverrides struct {
	Labels                   map[string]string             `json:"labels,omitempty"`
	Resources                *corev1.ResourceRequirements  `json:"resources,omitempty"`
	ActiveDeadlineSeconds    *int64                        `json:"activeDeadlineSeconds,omitempty"`
	Env                      []corev1.EnvVar               `json:"env,omitempty"`
	NodeSelector             map[string]string             `json:"nodeSelector,omitempty"`
	Tolerations              []corev1.Toleration           `json:"tolerations,omitempty"`
	Affinity                 *corev1.Affinity              `json:"affinity,omitempty"`
	ImagePullSecrets         []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	ServiceAccountName       string                        `json:"serviceAccountName,omitempty"`
	Volumes                  []corev1.Volume               `json:"volumes,omitempty"`
	VolumeMounts             []corev1.VolumeMount          `json:"volumeMounts,omitempty"`
	PodSecurityContext       *corev1.PodSecurityContext    `json:"podSecurityContext,omitempty"`
	ContainerSecurityContext *corev1.SecurityContext       `json:"containerSecurityContext,omitempty"`
	ExtraContainers          []corev1.Container            `json:"extraContainers,omitempty"`
	ExtraInitContainers      []corev1.Container            `json:"extraInitContainers,omitempty"`
}

type WorkerSpec struct {
	Type            string        `json:"type,omitempty"`
	Credentials     *Credentials  `json:"credentials,omitempty"`
	Model           string        `json:"model,omitempty"`
	Effort          string        `json:"effort,omitempty"`
	Image           string        `json:"image,omitempty"`
	WorkspaceRef    *Ref          `json:"workspaceRef,omitempty"`
	AgentConfigRefs []Ref         `json:"agentConfigRefs,omitempty"`
	PodOverrides    *PodOverrides `json:"podOverrides,omitempty"`
}

type TaskSpec struct {
	WorkerSpec              `json:",inline"`
	Prompt                  string                    `json:"prompt"`
	DependsOn               []string                  `json:"dependsOn,omitempty"`
	Branch                  string                    `json:"branch,omitempty"`
	UpstreamRepo            string                    `json:"upstreamRepo,omitempty"`
	TTLSecondsAfterFinished *int32                    `json:"ttlSecondsAfterFinished,omitempty"`
	PodFailurePolicy        *batchv1.PodFailurePolicy `json:"podFailurePolicy,omitempty"`
	Worker                  *WorkerSpec               `json:"worker,omitempty"`
	WorkerPoolRef           *Ref                      `json:"workerPoolRef,omitempty"`
}

type Task struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              TaskSpec       `json:"spec,omitempty"`
	Status            map[string]any `json:"status,omitempty"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var task Task
		decoder := json.NewDecoder(bytes.NewReader(in.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		out, err := json.Marshal(task)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(string(out))
	}
	if in.Err() != nil {
		fmt.Fprintln(os.Stderr, in.Err())
		os.Exit(1)
	}
}
